import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from html_page import drawing
from planned import share_pretraining

from stored_runs import configure, predictions_run
from twinlens.files import read_json, write_json
from twinlens.reporting.study.load_study import read_study
from twinlens.reporting.study.method_diagram import embedding_panels
from twinlens.reporting.study.pipeline_diagram import framework_panel

Build = Callable[..., Path]

ARMS = ("random", "twins", "twins, probed", "supervised")


def _study(folder: Path, build_study: Build, **changes: dict[str, Any]) -> Path:
    """Build a study of four arms, two of which share a pretraining; change runs' settings."""
    build_study(folder, arms=ARMS, pretrained=["twins"], seeds=2, fallback=True)
    share_pretraining(folder, "twins, probed", "pretrain-1")
    common = {"weights": "random", "tuning": "head_then_full", "head_epochs": 1, "head_lr": 1e-3,
              "epochs": 40, "tta": 3, "tta_clean": True}  # fmt: skip
    own: dict[str, dict[str, Any]] = {
        "train-2": {"tuning": "linear_probe"},
        "train-3": {"weights": "/home/me/supervised.pth", "head": "mlp", "class_balance": "loss"},
        "pretrain-1": {"epochs": 30, "projector": [512, 256], "lambda": 0.0051, "batch_size": 128},
    }
    for run in (folder / "runs").iterdir():
        info = read_json(run / "run.json")
        kind = run.name.rsplit("-", 1 if run.name.startswith("pretrain") else 2)[0]
        if info["kind"] == "pretrain":
            write_json(run / "run.json", info | {"images": 6341})
        usual = common if info["kind"] == "train" else {"weights": "random"}
        configure(run, **usual | own.get(kind, {}) | changes.get(kind, {}))
        if kind == "train-2":
            (run / "lr_finder.json").unlink()
    return folder


def _boxes(drawing: str) -> list[str]:
    """Return the titles of the boxes, which alone are bold, in the order of drawing."""
    return [
        part.split("</text>")[0].split(">")[-1]
        for part in drawing.split("<text ")[1:]
        if "700" in part.split(">")[0]
    ]


def test_what_neighbours_share_is_drawn_once(tmp_path: Path, build_study: Build) -> None:
    panel = framework_panel(read_study(_study(tmp_path / "study", build_study)))
    assert panel
    titles = _boxes(drawing(panel))
    assert titles.count("random") == 1  # the weights of three arms
    assert titles.count("supervised.pth") == 1
    assert titles.count("Barlow Twins") == 1  # the pretraining of two arms
    assert titles.count("logistic regression") == 1
    assert titles.count("mean of 3 views") == 1


def test_numbers_are_those_of_the_runs(tmp_path: Path, build_study: Build) -> None:
    study = read_study(_study(tmp_path / "study", build_study))
    panel = framework_panel(study)
    assert panel
    for text in ("6,341 images", "30 epochs", "40 epochs", "1 epoch", "MLP head",
                 "classes weighted", "image + 2 drawn", "LR 1.0 × 10⁻³", "to 4.0 × 10⁻³, found",
                 "250 images"):  # fmt: skip
        assert f">{text}</text>" in drawing(panel)
    assert "twins, probed: initial weights: random, resnet18; pretraining" in drawing(panel)


def test_a_pretraining_that_saw_test_images_says_so(tmp_path: Path, build_study: Build) -> None:
    folder = _study(tmp_path / "study", build_study)
    for path in folder.glob("runs/pretrain-1-*/run.json"):
        write_json(path, read_json(path) | {"transductive": True})
    panel = framework_panel(read_study(folder))
    assert panel
    assert ">test images among them</text>" in drawing(panel)


def test_predictions_of_another_tool_have_nothing_between_start_and_test(
    tmp_path: Path, build_study: Build
) -> None:
    folder = _study(tmp_path / "study", build_study)
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
    assert embedding_panels(read_study(folder)) == []
    shutil.rmtree(folder / "runs")
    assert framework_panel(read_study(folder)) is None


def test_a_joint_embedding_has_the_numbers_of_its_pretraining(
    tmp_path: Path, build_study: Build
) -> None:
    (panel,) = embedding_panels(read_study(_study(tmp_path / "study", build_study)))
    assert (panel.title, panel.note) == ("Barlow Twins", "Of twins and twins, probed.")
    for text in ("128", "512", "256", "λ 0.0051", "shared"):
        assert f">{text}</text>" in drawing(panel)


def test_a_teacher_has_a_way_of_its_own(tmp_path: Path, build_study: Build) -> None:
    byol = {"method": "byol", "teacher_momentum": 0.99, "predictor": [1024]}
    folder = _study(tmp_path / "study", build_study, **{"pretrain-1": byol})
    (panel,) = embedding_panels(read_study(folder))
    titles = _boxes(drawing(panel))
    assert titles.count("projector") == 2
    assert drawing(panel).count(">resnet18</text>") == 2
    for text in ("student", "teacher", "keeps 0.99", "predictor 1024"):
        assert f">{text}</text>" in drawing(panel)
