"""Where a study keeps its files, and how they are read back."""

from pathlib import Path
from typing import Any

from twinlens.engine.run_folder import RUN
from twinlens.files import read_json
from twinlens.study.planning.plan import Run

STUDY = "study.yaml"
PLAN = "plan.json"
ENVIRONMENT = "environment.json"
AUDIT = "audit.json"
RESULTS = "results.json"


def run_folder(study: Path, run: Run) -> Path:
    """Return the folder of a run; it is there when the run is finished."""
    return study / "runs" / run.id


def is_finished(study: Path, run: Run) -> bool:
    """Say whether a run is finished. Folders appear in one rename, so half a run never is."""
    return (run_folder(study, run) / RUN).exists()


def read_plan(study: Path) -> list[Run]:
    """Read the plan of a study."""
    return [Run(**run) for run in read_json(study / PLAN)]


def read_metrics(study: Path, run: Run) -> dict[str, Any]:
    """Read the metrics of a finished training, by part of the split."""
    metrics: dict[str, Any] = read_json(run_folder(study, run) / "metrics.json")
    return metrics


def read_record(study: Path, run: Run) -> dict[str, Any]:
    """Read the record of a finished run."""
    record: dict[str, Any] = read_json(run_folder(study, run) / RUN)
    return record
