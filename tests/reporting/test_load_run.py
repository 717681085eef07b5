from collections.abc import Callable
from pathlib import Path

from stored_runs import predictions_run
from twinlens.reporting.load_run import read_run

Build = Callable[..., Path]


def test_a_training_has_settings_scores_and_history(tmp_path: Path, build_study: Build) -> None:
    folder = build_study(tmp_path / "study", pretrained=[], seeds=1)
    run = read_run(folder / "runs" / "train-1-1-0", ("twins",))
    assert (run.kind, run.seed, run.label_fraction, run.arms) == ("train", 0, 1.0, ("twins",))
    assert run.config["epochs"] == 10
    assert run.config["data_hash"] == "ab" * 32
    assert run.test
    assert run.history is not None
    assert run.monitor is None
    assert run.method == ""


def test_a_pretraining_names_its_method_and_images(tmp_path: Path, build_study: Build) -> None:
    run = read_run(build_study(tmp_path / "study", seeds=1) / "runs" / "pretrain-1-0")
    assert (run.kind, run.method, run.label_fraction) == ("pretrain", "barlow_twins", 1.0)
    assert run.config["images"] == "unlabelled"
    assert run.test is None


def test_predictions_of_another_tool_have_no_settings(tmp_path: Path) -> None:
    predictions_run(file="others/seed0.csv").write(tmp_path / "run.json")
    run = read_run(tmp_path)
    assert run.external
    assert run.kind == "train"
    assert run.config == {"predictions": "others/seed0.csv"}
