"""Where a study keeps its files, and how they are read back."""

from pathlib import Path

from twinlens.records.plan import PLAN, RUNS, Plan, PlannedRun
from twinlens.records.run import RUN, RunRecord, read_run
from twinlens.records.scores import Scores

STUDY = "study.yaml"
ENVIRONMENT = "environment.json"
AUDIT = "audit.json"
RESULTS = "results.json"
BEST = "best"
DETAILS = "evaluation"
SOUP = "soup"
FEATURES = "features"
SCORES = "scores.parquet"


def runs_folder(study: Path) -> Path:
    """Return the folder of all runs."""
    return study / RUNS


def run_folder(study: Path, run: PlannedRun) -> Path:
    """Return the folder of a run; it exists once the run is finished."""
    return runs_folder(study) / run.id


def lock_file(study: Path, run: str) -> Path:
    """Return the file by which one process claims a run."""
    return runs_folder(study) / f"{run}.lock"


def failure_file(study: Path, run: str) -> Path:
    """Return the file that says why a run failed; a traceback has the suffix .txt instead."""
    return runs_folder(study) / f"{run}.failed.json"


def failure_files(study: Path) -> list[Path]:
    """Return the files of all failures."""
    return [*runs_folder(study).glob("*.failed.*")]


def is_finished(study: Path, run: PlannedRun) -> bool:
    """Return whether a run is finished. Folders appear in one rename, so half a run never is."""
    return (run_folder(study, run) / RUN).exists()


def read_plan(study: Path) -> list[PlannedRun]:
    """Read the plan of a study."""
    return Plan.read(study / PLAN).runs


def read_metrics(study: Path, run: PlannedRun) -> Scores:
    """Read the scores of a finished training."""
    return Scores.read(run_folder(study, run) / "metrics.json")


def read_record(study: Path, run: PlannedRun) -> RunRecord:
    """Read the record of a finished run."""
    return read_run(run_folder(study, run))
