"""How long a run takes, from a rehearsal of it."""

from dataclasses import replace
from pathlib import Path

from twinlens.engine.timing import rehearsing
from twinlens.finetuning.train import train
from twinlens.pretraining.pretrain import pretrain
from twinlens.records.run import RUN, TrainRun
from twinlens.study.estimate.records import TimingTask


def seconds(task: TimingTask, folder: Path, batch_size: int) -> list[float]:
    """Estimate the seconds of a pretraining, or of a training with each of the label fractions.

    Validation and test images stay unopened; other images stand for them.

    Args:
        task: What is timed.
        folder: For what the run writes.
        batch_size: Images per step.
    """
    out = folder / "run"
    with rehearsing() as clock:
        began = clock.now()
        if task.run.kind == "pretrain":
            changed = replace(task.run.request, batch_size=batch_size)
            pretrain.run(replace(changed, out=out, device=task.device))
        else:
            changed_training = replace(task.run.request, batch_size=batch_size)
            train.run(replace(changed_training, out=out, device=task.device))
        total = clock.now() - began
    if task.run.kind == "pretrain":
        return [total]
    record = TrainRun.read(out / RUN)
    work = [_work(record, share) for share in task.label_fractions]
    return [total - clock.per_image * (1 - part / max(work)) for part in work]


def _work(record: TrainRun, label_fraction: float) -> float:
    """Return the steps of an epoch with another label fraction; of a probe, the images."""
    images = round(record.images * label_fraction / record.label_fraction)
    if record.settings.tuning == "linear_probe":
        return images
    labelled = sum(record.data.counts["train"].values())
    return record.settings.steps_per_epoch(images, labelled)
