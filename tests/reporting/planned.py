"""The plan of an invented study."""

from collections.abc import Sequence
from pathlib import Path

from twinlens.records.plan import Plan, PlannedPretraining, PlannedRun, PlannedTraining
from twinlens.requests.pretrain import PretrainRequest
from twinlens.requests.train import TrainRequest


def make_plan(
    arms: Sequence[str], pretrained: Sequence[str], label_fractions: Sequence[float], seeds: int
) -> Plan:
    runs: list[PlannedRun] = []
    for seed in range(seeds):
        for number, arm in enumerate(arms):
            needs = f"pretrain-{number}-{seed}" if arm in pretrained else None
            if needs:
                request = PretrainRequest("data", "")
                runs.append(PlannedPretraining(id=needs, seed=seed, request=request))
            runs += [
                PlannedTraining(
                    id=f"train-{number}-{label_fraction:g}-{seed}",
                    arm=arm,
                    seed=seed,
                    label_fraction=label_fraction,
                    needs=needs,
                    request=TrainRequest("data", ""),
                )
                for label_fraction in label_fractions
            ]
    return Plan(runs=runs)


def share_pretraining(folder: Path, arm: str, pretraining: str) -> None:
    """Let the runs of an arm need the pretrainings named `pretraining` and their seed."""
    plan = Plan.read(folder / "plan.json")
    runs = [
        run.model_copy(update={"needs": f"{pretraining}-{run.seed}"}) if run.arm == arm else run
        for run in plan.runs
    ]
    Plan(runs=runs).write(folder / "plan.json")
