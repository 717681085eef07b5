"""Evaluates a network at regular steps of its pretraining; raises alarms; stops early."""

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from twinlens.console import say
from twinlens.models.tensor_files import read_tensors, save_tensors
from twinlens.pretraining.collapse import describe_collapse, describe_fall
from twinlens.pretraining.evaluation import evaluate
from twinlens.pretraining.job import Job
from twinlens.pretraining.networks import SiameseNetwork
from twinlens.pretraining.probing import check_probe, choose, describe
from twinlens.records.monitor import Alarm, Evaluation, MonitorRecord, ProbeData
from twinlens.seeds import generator

MONITOR = "monitor.json"
BEST = "best.safetensors"

SAMPLE = 512
"""Number of images whose features and embeddings are measured."""


class Monitor:
    """Evaluates a network at some of its steps, and keeps the evaluations in monitor.json.

    An evaluation depends on the weights alone, so a resumed run has those of an unbroken one.
    """

    def __init__(self, job: Job, network: SiameseNetwork, phases: Mapping[str, int]) -> None:
        """Choose the steps, and the images that are evaluated.

        Args:
            job: The pretraining.
            network: Its network.
            phases: Number of steps of each phase, in order.

        Raises:
            UserError: The probe is to decide, and there are not enough labels for one.
        """
        self.job, self.network, self.path = job, network, job.folder / MONITOR
        self.probed = choose(job.data, job.split, job.config.probe_label_fraction, job.seed)
        check_probe(job.config, self.probed)
        count = min(SAMPLE, len(job.rows))
        sample = generator(job.seed, "monitor").choice(job.rows, count, replace=False)
        self.sample = np.sort(sample)
        self.total = sum(phases.values())
        self.before_one_cycle = self.total - phases.get("one_cycle", 0)
        self.epoch = max(1, len(job.rows) // job.config.batch_size)
        points = job.config.monitor_points
        marks = np.linspace(0, self.total, points + 1).round().astype(int)
        self.steps = {*marks.tolist()} if points else set()
        self.logged = 0

    def after(self, offset: int) -> Callable[[int], bool]:
        """Return `Phase.should_stop` of a phase that begins after `offset` steps."""
        return lambda done: self.evaluate(offset + done)

    def evaluate(self, step: int) -> bool:
        """Evaluate the network if it is time to, and return whether training should stop.

        Args:
            step: Steps done over all phases; 0 for before the first.
        """
        if step not in self.steps:
            return False
        stop = self._evaluate(step) if self.job.fabric.is_global_zero else False
        return bool(self.job.fabric.broadcast(stop))

    def finish(self) -> None:
        """Load the weights of the best evaluation into the encoder, if those are to be kept."""
        if not self.job.fabric.is_global_zero:
            return
        record = self._stored()
        record.write(self.path)
        self._log(record.evaluations)
        best_weights = self.path.with_name(BEST)
        if best_weights.exists():
            self.network.encoder.load_state_dict(read_tensors(best_weights))

    def _evaluate(self, step: int) -> bool:
        stored, epoch = self._stored(), step / self.epoch
        last = evaluate(
            self.job,
            self.network,
            sample=self.sample,
            probed=self.probed,
            step=step,
            epoch=epoch,
        )
        evaluations = (*(e for e in stored.evaluations if e.step < step), last)
        self._log(evaluations)
        say(f"epoch {epoch:.3g}: {in_words(last)}")
        alarms = tuple(alarm for alarm in stored.alarms if alarm.step < step)
        changes: dict[str, object] = {
            "evaluations": evaluations,
            "alarms": (*alarms, *self._new_alarms(evaluations, stored.probe, alarms)),
        }
        # While the encoder is frozen, a better probe would be luck.
        trained = [e for e in evaluations if e.step > self.before_one_cycle]
        if self.job.config.keep == "best_probe" and trained and best(trained) is last:
            save_tensors(self.path.with_name(BEST), self.network.encoder.state_dict())
            kept = f"step {step} of {self.total}, the best linear probe"
            changes |= {"kept": kept, "kept_step": step}
        stop = self._is_stuck(trained)
        if stop:
            changes["stopped"] = (
                f"Stopped at step {step} of {self.total}: no better linear probe for "
                f"{self.job.config.patience} evaluations."
            )
        stored.model_copy(update=changes).write(self.path)
        return stop

    def _stored(self) -> MonitorRecord:
        if self.path.exists():
            return MonitorRecord.read(self.path)
        probe = describe(self.probed, self.job.data) if self.probed else None
        return MonitorRecord(images=len(self.sample), probe=probe)

    def _log(self, evaluations: Sequence[Evaluation]) -> None:
        """Log the evaluations that are new; in a resumed run, all earlier ones too."""
        for evaluation in evaluations[self.logged :]:
            values = evaluation.model_dump(exclude_none=True)
            numbers = {f"monitor/{name}": value for name, value in values.items()}
            self.job.fabric.log_dict(numbers, evaluation.step)
        self.logged = len(evaluations)

    def _new_alarms(
        self, evaluations: Sequence[Evaluation], probe: ProbeData | None, before: Sequence[Alarm]
    ) -> list[Alarm]:
        """Return the alarms, of kinds that were not raised before, at the last evaluation."""
        trained = [e for e in evaluations if e.step > self.before_one_cycle]
        if not trained:
            return []
        last, first = trained[-1], evaluations[0]
        found = {
            "collapse": ("Collapse", describe_collapse(last, first)),
            "probe": ("Worse features", describe_fall(trained, first, probe)),
        }
        alarms = []
        for kind, (title, description) in found.items():
            if description and kind not in {alarm.kind for alarm in before}:
                message = (
                    f"{title} at step {last.step} of {self.total}: {description}. Try a lower "
                    "learning rate, a larger batch, stronger views, or the method's own default "
                    "settings."
                )
                say(f"ALARM: {message}")
                alarms.append(
                    Alarm.model_validate({"step": last.step, "message": message, "kind": kind})
                )
        return alarms

    def _is_stuck(self, trained: list[Evaluation]) -> bool:
        """Return whether the linear probe has not improved for too many evaluations."""
        patience = self.job.config.patience
        if patience is None or not trained:
            return False
        return len(trained) - 1 - trained.index(best(trained)) >= patience


def best(evaluations: Sequence[Evaluation]) -> Evaluation:
    """Return the evaluation with the best linear probe, the first of equals."""
    return max(evaluations, key=lambda evaluation: evaluation.linear_probe or 0.0)


def in_words(evaluation: Evaluation) -> str:
    """Return an evaluation as a line of the console."""
    probes = ""
    if evaluation.linear_probe is not None:
        probes = f"linear probe {evaluation.linear_probe:.3f}, kNN {evaluation.knn_probe:.3f}, "
    found = f", LiDAR {evaluation.lidar:.1f}" if evaluation.lidar is not None else ""
    return (
        f"{probes}effective rank of features {evaluation.feature_rank:.1f}, of embeddings "
        f"{evaluation.embedding_rank:.1f}{found}, relative dispersion "
        f"{evaluation.feature_dispersion:.2f}"
    )
