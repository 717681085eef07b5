from collections.abc import Callable
from pathlib import Path

import pytest
from planned import share_pretraining

from stored_runs import predictions_run
from twinlens.files import read_json, write_json
from twinlens.reporting.study.cost import cost_table, runs_table
from twinlens.reporting.study.load_study import read_study

Build = Callable[..., Path]


def test_a_shared_pretraining_counts_for_each_arm_and_once_in_the_sum(
    tmp_path: Path, build_study: Build
) -> None:
    folder = build_study(tmp_path / "study", arms=["none", "a", "b"], pretrained=["a"], seeds=2)
    share_pretraining(folder, "b", "pretrain-1")
    table = cost_table(read_study(folder))
    assert table is not None
    seconds = {record["arm"]: record["seconds"] for record in table.records}
    one = 2 * 61.5
    assert seconds == {"none": one, "a": one + 480, "b": one + 480, "all": 3 * one + 480}
    assert [record["shared_with"] for record in table.records] == ["", "b", "a", ""]
    assert table.rows[1][0].detail == "pretraining shared with b"
    assert table.rows[-1][0].detail == "shared runs once"
    assert [cell.text for cell in table.rows[0][1:4]] == ["0", "–", "–"]


def test_one_arm_needs_no_sum(tmp_path: Path, build_study: Build) -> None:
    folder = build_study(tmp_path / "study", arms=["random"], pretrained=[], seeds=2)
    table = cost_table(read_study(folder))
    assert table is not None
    assert len(table.rows) == 1


def test_predictions_of_another_tool_cost_nothing(tmp_path: Path, build_study: Build) -> None:
    folder = build_study(tmp_path / "study", pretrained=[], seeds=1)
    path = folder / "runs" / "train-1-1-0" / "run.json"
    predictions_run(file="others/theirs.csv").write(path)
    study = read_study(folder)
    table, runs = cost_table(study), runs_table(study)
    assert table is not None
    assert runs is not None
    assert table.records[1]["training_runs"] == 0
    assert table.records[1]["seconds"] == 0
    assert [cell.text for cell in runs.rows[1]][-1] == "–"
    assert runs.rows[1][1].detail == "another tool's predictions"


@pytest.mark.parametrize("speed", [None, 0])
def test_a_run_without_steps_has_no_speed(
    tmp_path: Path, build_study: Build, speed: int | None
) -> None:
    folder = build_study(tmp_path / "study", arms=["probe"], pretrained=[], seeds=1)
    path = folder / "runs" / "train-0-1-0" / "run.json"
    write_json(path, read_json(path) | {"images_per_s": speed})
    table = cost_table(read_study(folder))
    assert table is not None
    assert table.rows[0][6].text == "–"
