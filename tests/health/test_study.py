import shutil
from pathlib import Path

import pytest
import yaml

from stored_runs import train_run
from twinlens.data.dataset import open_dataset
from twinlens.data.splits import open_split
from twinlens.errors import UserError
from twinlens.files import atomic_folder
from twinlens.health.folders import check_folder
from twinlens.records.plan import Plan
from twinlens.study.planning.config import Study
from twinlens.study.planning.plan import make_plan
from twinlens.study.running.failures import note_failure
from twinlens.study.running.paths import run_folder


@pytest.fixture
def study(data: Path, tmp_path: Path) -> Path:
    """A study of three runs, of which one is finished, one interrupted and one has failed."""
    folder, content = tmp_path / "study", {"data": str(data), "seeds": 3, "arms": {"plain": {}}}
    opened = open_dataset(data)
    plan = make_plan(
        Study.model_validate(content),
        data_hash=opened.hash,
        split_hash=open_split(opened).hash,
    )
    done, begun, failed = (run_folder(folder, run) for run in plan)
    done.mkdir(parents=True)
    record = train_run()
    summary = record.data.model_copy(update={"hash": opened.hash})
    record.model_copy(update={"data": summary}).write(done / "run.json")
    begun.with_name(f"{begun.name}.partial").mkdir()
    note_failure(folder, failed.name, UserError("No room."))
    Plan(runs=plan).write(folder / "plan.json")
    (folder / "study.yaml").write_text(yaml.safe_dump(content))
    return folder


def test_the_runs_of_a_study_are_told_apart(study):
    text = "\n".join(map(str, check_folder(study)))
    for line in (
        "which has not changed.",
        "failed: No room. The same command retries it.",
        "was interrupted, and its process has ended. The same command resumes it.",
        "1 of 3 runs are finished. The same command resumes it.",
    ):
        assert line in text
    (begun,) = study.glob("runs/*.partial")
    with atomic_folder(begun.with_suffix(""), marker="run.json"):
        assert "a process is at work on it" in "\n".join(map(str, check_folder(study)))


def test_a_data_set_that_has_changed_or_gone_is_said(study, data, dataset_of, levels):
    shutil.rmtree(data)
    assert "is not a data set" in "\n".join(map(str, check_folder(study)))
    dataset_of(data, ["a", "b"])
    assert "has changed since the runs were made" in "\n".join(map(str, check_folder(study)))


def test_a_damaged_plan_is_found_once(study):
    (study / "plan.json").write_text("{")
    lines = [str(finding) for finding in check_folder(study)]
    assert sum("plan.json" in line and line.startswith("BROKEN") for line in lines) == 1
