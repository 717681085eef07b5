"""A finished study as it lies on disk: the only thing that a report reads."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from twinlens.config import read_yaml
from twinlens.errors import UserError
from twinlens.evaluation.metrics import METRICS
from twinlens.files import lack
from twinlens.records.audit import StudyAudit
from twinlens.records.dataset import ClassInfo
from twinlens.records.evaluation import EVALUATION
from twinlens.records.plan import Plan
from twinlens.records.results import ArmSummary, Difference, StudyResults
from twinlens.records.run import DataSummary, Environment
from twinlens.reporting.evaluation.load_evaluation import StoredEvaluation, read_evaluation
from twinlens.reporting.load_run import StoredRun, read_run
from twinlens.study.analysis.verdict import best_arm
from twinlens.study.running.paths import DETAILS

_SHOWN_FIRST = ("balanced_accuracy", "macro_f1", "accuracy")


@dataclass(frozen=True)
class StoredStudy:
    """A study's results, runs, planned runs that did not finish, audit, and best arm in detail."""

    folder: Path
    settings: dict[str, Any]
    settings_text: str
    environment: Environment | None
    results: StudyResults
    runs: list[StoredRun]
    unfinished: list[dict[str, str]]
    audit: StudyAudit | None
    evaluation: StoredEvaluation | None

    @property
    def title(self) -> str:
        """The study's title, else its name, else its folder's name."""
        return str(self.settings.get("title") or self.settings.get("name") or self.folder.name)

    @property
    def primary(self) -> str:
        """The metric that was declared beforehand."""
        return self.results.primary_metric

    @property
    def reference(self) -> str:
        """The arm that the others are compared with."""
        return self.results.reference

    @cached_property
    def metrics(self) -> list[str]:
        """The metrics to show, the primary one first."""
        names = dict.fromkeys([self.primary, *_SHOWN_FIRST, *self.stored_metrics])
        return [name for name in names if name == self.primary or METRICS[name].main]

    @property
    def stored_metrics(self) -> list[str]:
        """All metrics of the results, in the order of the file."""
        return self.results.metrics

    @property
    def min_effect(self) -> float | None:
        """The smallest difference of interest, if one was declared."""
        return self.results.min_effect

    @cached_property
    def arms(self) -> list[str]:
        """The arms, the reference first."""
        return sorted(self.results.arms, key=lambda arm: arm != self.reference)

    @cached_property
    def label_fractions(self) -> list[float]:
        """The label fractions with a result, the largest first."""
        return sorted({row.label_fraction for row in self.results.summaries}, reverse=True)

    @property
    def tested_label_fraction(self) -> float:
        """The label fraction of the declared test: the study's largest, finished or not."""
        return max(self.results.label_fractions)

    @cached_property
    def data(self) -> DataSummary | None:
        """The data as the first fine-tuning run (else the first run) describes it."""
        return next((run.data for run in [*self.runs_of("train"), *self.runs]), None)

    @property
    def counts(self) -> dict[str, dict[str, int]]:
        """Number of images by part of the split and class."""
        return self.data.counts if self.data else {}

    @property
    def classes(self) -> list[str]:
        """The class names, in the order of the confusion matrices."""
        return self.data.classes if self.data else []

    @property
    def class_info(self) -> dict[str, ClassInfo]:
        """Title, colour and group by class, where known."""
        return self.data.class_info if self.data else {}

    @property
    def class_groups(self) -> dict[str, list[str]]:
        """Classes by group; see `grouped`."""
        return grouped(self.classes, self.class_info)

    @property
    def ordered_classes(self) -> list[str]:
        """The class names, those of a group together."""
        return [name for names in self.class_groups.values() for name in names]

    @cached_property
    def transductive(self) -> list[str]:
        """The arms whose pretraining has seen the validation and test images."""
        arms = {arm for run in self.runs if run.transductive for arm in run.arms}
        return [arm for arm in self.arms if arm in arms]

    def arm_title(self, arm: str) -> str:
        """Return an arm's name as every table and figure shows it."""
        return f"{arm} (transductive)" if arm in self.transductive else arm

    def summary(self, arm: str, label_fraction: float, metric: str) -> ArmSummary | None:
        """Return an arm's mean, spread and values over seeds, if it has a result."""
        return self.results.summary(arm, label_fraction, metric)

    def difference(self, arm: str, label_fraction: float, metric: str) -> Difference | None:
        """Return an arm's paired difference from the reference, if there is one."""
        return self.results.difference(arm, label_fraction, metric)

    @cached_property
    def best_other(self) -> str | None:
        """The other arm that did best at the largest label fraction: the one of the verdict."""
        no_others = {self.reference, *self.results.baselines}
        others = [arm for arm in self.arms if arm not in no_others] if self.label_fractions else []
        where = self.label_fractions[0] if others else 0.0, self.primary
        differences = {a: row for a in others if (row := self.difference(a, *where))}
        if differences:
            return best_arm(differences)
        summaries = {a: mean for a in others if (mean := self.summary(a, *where))}
        return best_arm(summaries) if summaries else None  # the reference is not finished

    @property
    def best_baseline(self) -> str | None:
        """The frozen baseline of the verdict, if there is one."""
        against = self.results.against_baseline
        return against.baseline if against else None

    def says(self, key: str) -> bool:
        """Tell whether any difference has an entry, such as Holm's p value, that is not null."""
        return any(getattr(row, key) is not None for row in self.results.differences)

    def runs_of(
        self, kind: str, *, arm: str | None = None, label_fraction: float | None = None
    ) -> list[StoredRun]:
        """Return the runs of a kind, of one arm and one label fraction if asked, by seed."""
        return [
            run
            for run in sorted(self.runs, key=lambda run: run.seed)
            if run.kind == kind
            and (arm is None or arm in run.arms)
            and label_fraction in (None, run.label_fraction)
        ]

    def representative(self, arm: str) -> StoredRun | None:
        """Return the run, with most labels, whose test accuracy is nearest the arm's mean."""
        runs = (
            self.runs_of("train", arm=arm, label_fraction=self.label_fractions[0])
            if self.label_fractions
            else []
        )
        scored = [(run, run.test.metrics["accuracy"]) for run in runs if run.test]
        mean = sum(accuracy for _, accuracy in scored) / max(len(scored), 1)
        return min(scored, key=lambda pair: abs(pair[1] - mean), default=(None, 0.0))[0]


def grouped(classes: Sequence[str], class_info: Mapping[str, ClassInfo]) -> dict[str, list[str]]:
    """Return classes by group (malignant, benign); one nameless group if none is known."""
    groups: dict[str, list[str]] = {}
    for name in classes:
        info = class_info.get(name, ClassInfo())
        groups.setdefault(info.group, []).append(name)
    return groups


def read_study(folder: Path) -> StoredStudy:
    """Read a study's folder.

    Raises:
        UserError: The folder holds no results, or they are damaged.
    """
    if not (folder / "results.json").is_file():
        raise UserError(
            f"{folder} {lack(folder, 'results.json')}: give the folder of a study that "
            "`twinlens compare` has brought to its end, or of a finished pretraining."
        )
    results = StudyResults.read(folder / "results.json")
    runs, unfinished = _read_runs(folder)
    settings, environment = folder / "study.yaml", folder / "environment.json"
    details = folder / DETAILS
    return StoredStudy(
        folder=folder,
        settings=read_yaml(settings) if settings.is_file() else {},
        settings_text=settings.read_text(encoding="utf-8") if settings.is_file() else "",
        environment=Environment.read(environment) if environment.is_file() else None,
        results=results,
        runs=runs,
        unfinished=unfinished,
        audit=StudyAudit.read(folder / "audit.json") if (folder / "audit.json").exists() else None,
        evaluation=read_evaluation(details) if (details / EVALUATION).is_file() else None,
    )


def _read_runs(folder: Path) -> tuple[list[StoredRun], list[dict[str, str]]]:
    """Read the runs of the plan; a changed study may have left others beside them."""
    runs, unfinished = [], []
    for name, arms in _planned(folder).items():
        path = folder / "runs" / name
        try:
            runs.append(read_run(path, arms))
        except (UserError, OSError, ValueError, KeyError) as error:
            reason = str(error).replace(f"{path}/", "") if path.is_dir() else "It did not finish."
            unfinished.append({"run": name, "reason": reason})
    return runs, unfinished


def _planned(folder: Path) -> dict[str, tuple[str, ...]]:
    """Return the arms that each planned run serves."""
    runs = Plan.read(folder / "plan.json").runs if (folder / "plan.json").exists() else []
    serves: dict[str, dict[str, None]] = {run.id: {} for run in runs}
    for run in runs:
        if run.arm:
            serves[run.id][run.arm] = None
            if run.needs:
                serves[run.needs][run.arm] = None
    return {name: tuple(arms) for name, arms in serves.items()}
