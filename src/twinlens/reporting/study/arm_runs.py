"""The runs of an arm, or of arms that share them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from twinlens.reporting.formatting import listing
from twinlens.reporting.load_run import StoredRun
from twinlens.reporting.study.load_study import StoredStudy


@dataclass(frozen=True)
class ArmRuns:
    """The runs of one kind of an arm, or of arms that share them, by seed.

    The title is empty outside a study; the index gives their colour and mark.
    """

    title: str
    index: int
    runs: list[StoredRun]

    @property
    def kind(self) -> str:
        """``train`` or ``pretrain``."""
        return self.runs[0].kind

    @property
    def of(self) -> str:
        """The title as an addition to a figure's name."""
        return f", {self.title}" if self.title else ""


def by_arm(study: StoredStudy, kind: str) -> list[ArmRuns]:
    """Return the runs that the curves show: those with most labels, and all pretrainings."""
    label_fraction = study.label_fractions[0] if kind == "train" and study.label_fractions else None
    runs = study.runs_of(kind, label_fraction=label_fraction)
    groups = [
        ArmRuns(
            listing([study.arm_title(arm) for arm in arms]),
            min((study.arms.index(arm) for arm in arms if arm in study.arms), default=0),
            [run for run in runs if run.arms == arms],
        )
        for arms in dict.fromkeys(run.arms for run in runs)
    ]
    return sorted(groups, key=lambda arm: arm.index)


def having(arms: Sequence[ArmRuns], has: Callable[[StoredRun], object]) -> list[ArmRuns]:
    """Return the arms with the runs that fulfil a condition, without arms that have none."""
    selected = [replace(arm, runs=[*filter(has, arm.runs)]) for arm in arms]
    return [arm for arm in selected if arm.runs]


def has_history(run: StoredRun) -> bool:
    """Tell whether a run has stored what happened at its steps."""
    return run.history is not None and len(run.history) > 0
