import shutil
from collections.abc import Callable
from pathlib import Path

from diagrams import box_titles, build_four_arms
from html_page import drawing

from stored_runs import predictions_run
from twinlens.files import read_json, write_json
from twinlens.reporting.study.load_study import read_study
from twinlens.reporting.study.pipeline_diagram import framework_panel

Build = Callable[..., Path]


def test_what_neighbours_share_is_drawn_once(tmp_path: Path, build_study: Build) -> None:
    panel = framework_panel(read_study(build_four_arms(tmp_path / "study", build_study)))
    assert panel
    titles = box_titles(drawing(panel))
    assert titles.count("random") == 1  # the weights of three arms
    assert titles.count("supervised.pth") == 1
    assert titles.count("Barlow Twins") == 1  # the pretraining of two arms
    assert titles.count("logistic regression") == 1
    assert titles.count("mean of 3 views") == 1


def test_numbers_are_those_of_the_runs(tmp_path: Path, build_study: Build) -> None:
    study = read_study(build_four_arms(tmp_path / "study", build_study))
    panel = framework_panel(study)
    assert panel
    for text in ("6,341 images", "30 epochs", "40 epochs", "1 epoch", "MLP head",
                 "classes weighted", "image + 2 drawn", "LR 1.0 × 10⁻³", "to 4.0 × 10⁻³, found",
                 "250 images"):  # fmt: skip
        assert f">{text}</text>" in drawing(panel)
    assert "twins, probed: initial weights: random, resnet18; pretraining" in drawing(panel)


def test_a_pretraining_that_saw_test_images_says_so(tmp_path: Path, build_study: Build) -> None:
    folder = build_four_arms(tmp_path / "study", build_study)
    for path in folder.glob("runs/pretrain-1-*/run.json"):
        write_json(path, read_json(path) | {"transductive": True})
    panel = framework_panel(read_study(folder))
    assert panel
    assert ">test images among them</text>" in drawing(panel)


def test_predictions_of_another_tool_have_nothing_between_start_and_test(
    tmp_path: Path, build_study: Build
) -> None:
    folder = build_four_arms(tmp_path / "study", build_study)
    for run in (folder / "runs").glob("train-3-*"):
        predictions_run(file="others/seed0.csv").write(run / "run.json")
    panel = framework_panel(read_study(folder))
    assert panel
    assert "supervised: initial weights: another tool; test: its predictions, seed0.csv" in (
        drawing(panel)
    )


def test_one_arm_and_no_run_at_all(tmp_path: Path, build_study: Build) -> None:
    folder = build_study(tmp_path / "study", arms=["random"], pretrained=[], seeds=1)
    panel = framework_panel(read_study(folder))
    assert panel
    assert "pretraining" not in drawing(panel)
    shutil.rmtree(folder / "runs")
    assert framework_panel(read_study(folder)) is None
