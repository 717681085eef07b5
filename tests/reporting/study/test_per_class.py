from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from html_page import Page, drawing

from twinlens.reporting.report import report
from twinlens.reporting.study.confusion import confusion_panel, confusions
from twinlens.reporting.study.load_study import StoredStudy, read_study
from twinlens.reporting.study.per_class import classifications, f1_table

Build = Callable[..., Path]


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory, build_study: Build) -> StoredStudy:
    folder = tmp_path_factory.mktemp("classes") / "study"
    return read_study(
        build_study(folder, pretrained=[], seeds=4, label_fractions=(1.0, 0.1), absent="BCC")
    )


def test_f1_is_the_mean_over_seeds_of_the_largest_label_fraction(study: StoredStudy) -> None:
    table = f1_table(study)
    assert table is not None
    assert [row[0].text for row in table.rows] == [
        "MEL", "BCC", "NV", "BKL", "VASC", "Weighted mean", "Accuracy",
    ]  # fmt: skip
    runs = [r.test for r in study.runs_of("train", arm="random", label_fraction=1.0) if r.test]
    f1 = [test.per_class["NV"].f1 for test in runs]
    sd = np.std(f1, ddof=1)
    assert table.rows[2][1].text == f"{np.mean(f1):.3f} ±\u00a0{sd:.3f}"
    weighted = np.mean([test.metrics["weighted_f1"] for test in runs])
    assert table.rows[5][1].text.startswith(f"{weighted:.3f}")
    record = next(r for r in table.records if r["class"] == "NV" and r["arm"] == "random")
    assert (record["mean"], record["sd"]) == (np.mean(f1), sd)


def test_a_class_without_a_test_image_has_no_score(study: StoredStudy) -> None:
    table = f1_table(study)
    assert table is not None
    assert [cell.text for cell in table.rows[1]] == ["BCC", "–", "–", "0"]
    whole = classifications(study)[0].table
    assert [cell.text for cell in whole.rows[1]] == ["BCC", "–", "–", "–", "0"]


def test_many_arms_are_rows(tmp_path: Path, build_study: Build) -> None:
    arms = [f"arm {n}" for n in range(5)]
    table = f1_table(read_study(build_study(tmp_path / "s", arms=arms, pretrained=[], seeds=1)))
    assert table is not None
    assert [row[0].text for row in table.rows] == arms
    assert table.head[1].detail == "20 images"


def test_the_representative_run_is_nearest_the_mean_accuracy(study: StoredStudy) -> None:
    for found in classifications(study):
        runs = study.runs_of("train", arm=found.arm, label_fraction=1.0)
        accuracies = [run.test.metrics["accuracy"] for run in runs if run.test]
        distances = np.abs(np.array(accuracies) - np.mean(accuracies))
        assert found.run.name == runs[int(distances.argmin())].name


def test_weighted_means_are_weighted_by_the_test_images(study: StoredStudy) -> None:
    found = classifications(study)[0]
    test = found.run.test
    assert test is not None
    weighted, accuracy = found.table.rows[-2:]
    assert weighted[3].text == f"{test.metrics['weighted_f1']:.3f}"
    assert weighted[2].text == accuracy[3].text == f"{test.metrics['accuracy']:.3f}"
    assert weighted[4].text == str(test.n)


def test_the_run_and_its_seed_are_named(study: StoredStudy) -> None:
    text = Page(report(study.folder)).text
    for found in classifications(study):
        name = f"{found.run.name} (seed {found.run.seed})"
        assert f"one run, with 100 % of the labels, {name}" in text


def test_reference_and_best_other_arm_come_first(tmp_path: Path, build_study: Build) -> None:
    arms = ["a", "b", "c", "d"]
    study = read_study(build_study(tmp_path / "study", arms=arms, pretrained=[], seeds=1))
    assert study.best_other == "d"
    assert [found.arm for found in classifications(study)] == ["a", "d", "b", "c"]


def test_confusion_matrices_are_drawn(study: StoredStudy) -> None:
    matrices = confusions(study)
    text = drawing(*map(confusion_panel, matrices))
    assert text.count(">predicted<") == len(matrices) == 2
    assert f"({matrices[0].counts[0][0]})" in text
