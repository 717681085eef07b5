from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from html_page import Page
from judged import judge

import stored_runs
from twinlens.files import read_json, write_json
from twinlens.reporting.report import report
from twinlens.reporting.study import methods
from twinlens.reporting.study.augmentation import augmentation_table
from twinlens.reporting.study.load_study import StoredStudy, read_study
from twinlens.views.recipes import PAIRS, RECIPES

Build = Callable[..., Path]

FINE_TUNING = {
    "encoder": "resnet18", "weights": "random", "tuning": "head_then_full", "head_epochs": 1,
    "head_lr": 0.001, "epochs": 40, "batch_size": 64, "lr": "valley", "fallback_lr": 0.001,
    "weight_decay": 0.01, "tta": 3, "tta_clean": True, "views": "recommended",
}  # fmt: skip


def configure(folder: Path, run: str, **settings: Any) -> None:
    stored_runs.configure(folder / "runs" / run, **settings)


@pytest.fixture
def study(tmp_path: Path, build_study: Build) -> Path:
    folder = build_study(tmp_path / "study", seeds=1)
    for run in ("train-0-1-0", "train-1-1-0"):
        configure(folder, run, **FINE_TUNING)
    return folder


def described(items: list[methods.Described]) -> dict[str, str]:
    return {item.arms: item.words for item in items}


def test_arms_that_were_trained_alike_are_described_together(study: Path) -> None:
    assert described(methods.trainings(read_study(study))) == {
        "random and random + Barlow Twins": (
            "1 epoch of the linear head alone, learning rate 0.001; 40 epochs of one-cycle for all "
            "weights, batches of 64, maximum learning rate found by a learning-rate search (0.001 "
            "where it is inconclusive), Adam with a weight decay of 0.01; every image counts "
            "alike; predictions averaged over the image and 2 drawn views."
        )
    }


def test_more_epochs_with_fewer_labels_are_said(study: Path) -> None:
    path = study / "runs" / "train-1-1-0" / "run.json"
    write_json(path, read_json(path) | {"epochs": 40.0})
    words = described(methods.trainings(read_study(study)))["random + Barlow Twins"]
    assert "with a part of the labels, epochs for at least 300 steps, but no more than" in words


def test_a_probe_is_no_one_cycle(study: Path) -> None:
    configure(study, "train-1-1-0", tuning="linear_probe", probe_c=0.1, probe_balanced=True, tta=1)
    words = described(methods.trainings(read_study(study)))["random + Barlow Twins"]
    assert words == (
        "Logistic regression on the features of the frozen encoder, C = 0.1; classes are weighted "
        "by the inverse of their frequency; no view drawn."
    )


def test_a_pretraining_is_described_with_its_own_numbers(study: Path) -> None:
    settings = {"weights": "random", "epochs": 20, "batch_size": 256, "lambda": 0.0051}
    configure(study, "pretrain-1-0", **settings, lr=0.002, projector=[64, 32], weight_decay=0.0)
    words = described(methods.pretrainings(read_study(study)))["random + Barlow Twins"]
    assert words.startswith(
        "Barlow Twins of a resnet18 with random weights, on 1,500 images (training"
    )
    assert "maximum learning rate fixed at 0.002, Adam; projector 64–32; λ 0.0051." in words


def test_another_tools_predictions_are_not_described(study: Path) -> None:
    path = study / "runs" / "train-1-1-0" / "run.json"
    stored_runs.predictions_run(file="others/theirs.csv").write(path)
    (study / "runs" / "train-1-1-0" / "history.parquet").unlink()
    text = Page(report(study)).text
    assert "Predictions of another tool, theirs.csv; how it was trained is not known here." in text
    assert "with 1 pretraining and 1 training finished" in text


def test_settings_that_differ_are_a_table_and_others_are_not(study: Path) -> None:
    before = {"method": "barlow_twins", "images": "unlabelled", "epochs": 20, "seed": 0}
    configure(study, "train-1-1-0", pretrained=before, epochs=10)
    table = methods.settings_table(read_study(study))
    assert table is not None
    assert [cell.text for cell in table.head] == ["Arm", "Pretraining", "Epochs"]
    assert [cell.text for cell in table.rows[1]] == [
        "random + Barlow Twins", "Barlow Twins on training and unlabelled images", "10",
    ]  # fmt: skip
    assert table.records[0]["pretraining"] == "none"


def test_settings_of_a_pretraining_are_compared_among_those_that_have_one(study: Path) -> None:
    for run, epochs in (("train-0-1-0", 20), ("train-1-1-0", 40)):
        before = {"method": "vicreg", "images": "train", "epochs": epochs, "monitor_points": epochs}
        configure(study, run, pretrained=before)
    table = methods.settings_table(read_study(study))
    assert table is not None
    assert [(cell.text, cell.detail) for cell in table.head[1:]] == [("Epochs", "pretraining")]


def test_alike_arms_have_no_table_of_settings(study: Path) -> None:
    assert methods.settings_table(read_study(study)) is None


def test_the_declared_difference_is_named(study: Path) -> None:
    assert "smallest difference" not in Page(report(study)).text.partition("Results")[0]
    judge(study, min_effect=0.03)
    assert "and 0.030 the smallest effect of interest" in Page(report(study)).text


def columns(study: StoredStudy) -> dict[str, list[str]]:
    table = augmentation_table(study)
    assert table is not None
    operations = [row[0].text for row in table.rows]
    return {
        head.text: [
            f"{name} {row[i].text}" for name, row in zip(operations, table.rows, strict=True)
        ]
        for i, head in enumerate(table.head)
        if i
    }


def test_augmentation_is_that_of_the_recipes(study: Path) -> None:
    found = columns(read_study(study))
    assert [*found] == ["Pretraining, view 1", "Pretraining, view 2", "Training and test time"]
    pair = PAIRS["recommended"]
    for number, recipe in enumerate(pair, start=1):
        shown = found[f"Pretraining, view {number}"]
        assert f"Blur {recipe.blur.p:g}" in shown
        assert f"Flip top and bottom {recipe.vertical_flip.p:g}" in shown
    assert f"Rotate {RECIPES['recommended'].rotation.p:g}" in found["Training and test time"]
    assert "Blur –" in found["Training and test time"]


def test_changed_views_are_columns_of_their_own(study: Path) -> None:
    configure(
        study,
        "train-1-1-0",
        view_changes={"horizontal_flip": {"p": 0.9}, "crop": {"scale": [1.0, 1.0]}},
    )
    table = augmentation_table(read_study(study))
    assert table is not None
    heads = [(head.text, head.detail) for head in table.head[3:]]
    assert heads == [
        ("Training and test time", "random"),
        ("Training and test time", "random + Barlow Twins"),
    ]
    assert [cell.text for cell in table.rows[0][3:]] == ["1", "–"]
    assert [cell.text for cell in table.rows[1][3:]] == ["0.25", "0.9"]


def test_numbers_that_a_run_holds_go_before_a_name(study: Path) -> None:
    path = study / "runs" / "pretrain-1-0" / "run.json"
    pair = PAIRS["recommended"]
    kinds = zip((0.6, 0.6, 0.7), (*pair, pair[0]), strict=True)
    recipes = [recipe.changed({"horizontal_flip": {"p": p}}) for p, recipe in kinds]
    write_json(path, read_json(path) | {"recipes": recipes})
    recipe = RECIPES["recommended"].changed({"horizontal_flip": {"p": 0.75}})
    bundle = {
        "encoder": "resnet18",
        "normalisation": {"mean": [0, 0, 0], "std": [1, 1, 1]},
        "classes": ["MEL"],
        "size": 32,
        "test_time": {"views": 3, "clean": True, "recipe": recipe, "seed": 0},
        "provenance": {
            "trained_on": {"data_hash": "d", "split_hash": "s"},
            "label_fraction": 1.0,
            "seed": 0,
            "weights": {"name": "random"},
            "settings": {},
        },
    }
    write_json(study / "runs" / "train-0-1-0" / "model" / "bundle.json", bundle)
    table = augmentation_table(read_study(study))
    assert table is not None
    assert [cell.text for cell in table.rows[1][1:]] == ["0.6", "0.6", "0.7", "0.75", "0.25"]
    assert table.head[3].text == "Pretraining, small views"


def test_a_recipe_that_is_not_known_any_more_is_left_out(study: Path) -> None:
    for run in ("train-0-1-0", "train-1-1-0"):
        configure(study, run, views="of an older version")
    table = augmentation_table(read_study(study))
    assert table is not None
    assert [head.text for head in table.head[1:]] == ["Pretraining, view 1", "Pretraining, view 2"]
