"""A finished study as it lies on disk: the only thing that a report reads."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from twinlens.config import read_yaml
from twinlens.errors import UserError
from twinlens.files import read_json
from twinlens.records.audit import StudyAudit
from twinlens.records.plan import Plan
from twinlens.reporting.load_run import StoredRun, if_there, read_run
from twinlens.study.analysis.verdict import best_arm

_NEEDED = ("primary_metric", "reference", "arms", "differences", "verdict")
_SHOWN_METRICS = ("balanced_accuracy", "macro_f1", "accuracy")


@dataclass(frozen=True)
class StoredStudy:
    """The results of a study, its runs, the planned runs that are not finished, and the audit."""

    folder: Path
    settings: dict[str, Any]
    settings_text: str
    environment: dict[str, Any]
    results: dict[str, Any]
    runs: list[StoredRun]
    unfinished: list[dict[str, str]]
    audit: StudyAudit | None

    @property
    def title(self) -> str:
        """The study's title, else its name, else its folder's name."""
        return str(self.settings.get("title") or self.settings.get("name") or self.folder.name)

    @property
    def primary(self) -> str:
        """The metric that was declared beforehand."""
        return str(self.results["primary_metric"])

    @property
    def reference(self) -> str:
        """The arm that the others are compared with."""
        return str(self.results["reference"])

    @cached_property
    def metrics(self) -> list[str]:
        """The metrics to show, the primary one first."""
        return [self.primary, *(name for name in _SHOWN_METRICS if name != self.primary)]

    @property
    def stored_metrics(self) -> list[str]:
        """All metrics of the results, in the order of the file."""
        entries = [entry for arm in self.results["arms"].values() for entry in arm.values()]
        return list(dict.fromkeys(metric for entry in entries for metric in entry))

    @property
    def min_effect(self) -> float | None:
        """The smallest difference worth having, where one was declared."""
        return self.results.get("min_effect")

    @cached_property
    def arms(self) -> list[str]:
        """The arms, the reference first."""
        return sorted(self.results["arms"], key=lambda arm: arm != self.reference)

    @cached_property
    def label_fractions(self) -> list[float]:
        """The label fractions with a result, the largest first."""
        found = {float(key) for summary in self.results["arms"].values() for key in summary}
        return sorted(found, reverse=True)

    @property
    def tested_label_fraction(self) -> float:
        """The label fraction of the declared test: the study's largest, finished or not."""
        return max(map(float, self.results.get("label_fractions") or self.label_fractions))

    @cached_property
    def data(self) -> dict[str, Any]:
        """The data as the first fine-tuning run (else the first run) describes it."""
        runs = [*self.runs_of("train"), *self.runs]
        return next((run.data for run in runs if run.data), {})

    @property
    def classes(self) -> list[str]:
        """The class names, in the order of the confusion matrices."""
        return list(self.data.get("classes", []))

    @property
    def class_info(self) -> dict[str, dict[str, Any]]:
        """Title, colour and group by class, where known."""
        return dict(self.data.get("class_info") or {})

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

    def summary(self, arm: str, label_fraction: float, metric: str) -> dict[str, Any] | None:
        """Return an arm's mean, spread and values over seeds, if it has a result."""
        return _at(self.results["arms"], arm, label_fraction).get(metric)

    def difference(self, arm: str, label_fraction: float, metric: str) -> dict[str, Any] | None:
        """Return an arm's paired difference from the reference, if there is one."""
        return _at(self.results["differences"], arm, label_fraction).get(metric)

    @cached_property
    def best_other(self) -> str | None:
        """The other arm that did best at the largest label fraction: the one of the verdict."""
        others = [arm for arm in self.arms if arm != self.reference] if self.label_fractions else []
        for of in (self.difference, self.summary):  # without the reference there is no difference
            found = {a: d for a in others if (d := of(a, self.label_fractions[0], self.primary))}
            if found:
                return best_arm(found)
        return None

    def says(self, key: str) -> bool:
        """Tell whether any difference has an entry, such as Holm's p value, that is not null."""
        by_arm = self.results["differences"].values()
        found = (entry for of in by_arm for metrics in of.values() for entry in metrics.values())
        return any(entry.get(key) is not None for entry in found)

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
        scored = [(run, float(run.test["accuracy"])) for run in runs if run.test]
        mean = sum(accuracy for _, accuracy in scored) / max(len(scored), 1)
        return min(scored, key=lambda pair: abs(pair[1] - mean), default=(None, 0.0))[0]


def grouped(
    classes: Sequence[str], class_info: Mapping[str, Mapping[str, Any]]
) -> dict[str, list[str]]:
    """Return classes by group (malignant, benign); one nameless group if none is known."""
    groups: dict[str, list[str]] = {}
    for name in classes:
        group = str(class_info.get(name, {}).get("group") or "")
        groups.setdefault(group, []).append(name)
    return groups


def read_study(folder: Path) -> StoredStudy:
    """Read a study's folder.

    Raises:
        UserError: The folder holds no results, or they lack a part.
    """
    if not (folder / "results.json").is_file():
        raise UserError(
            f"{folder} holds no results.json: give the folder of a study that "
            "`twinlens compare` has brought to its end, or of a finished pretraining."
        )
    results = read_json(folder / "results.json")
    lacking = [key for key in _NEEDED if not isinstance(results, dict) or key not in results]
    if lacking:
        raise UserError(
            f"{folder / 'results.json'} lacks {', '.join(lacking)}: run `twinlens compare` again."
        )
    runs, unfinished = _read_runs(folder)
    settings = folder / "study.yaml"
    return StoredStudy(
        folder=folder,
        settings=read_yaml(settings) if settings.is_file() else {},
        settings_text=settings.read_text(encoding="utf-8") if settings.is_file() else "",
        environment=if_there(folder / "environment.json") or {},
        results=results,
        runs=runs,
        unfinished=unfinished,
        audit=StudyAudit.read(folder / "audit.json") if (folder / "audit.json").exists() else None,
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


def _at(table: dict[str, Any], arm: str, label_fraction: float) -> dict[str, Any]:
    """Return the entry of an arm at a label fraction, whose keys are numbers written as text."""
    entries = table.get(arm) or {}
    return next((entry for key, entry in entries.items() if float(key) == label_fraction), {})
