import re
from collections.abc import Callable
from pathlib import Path

import pytest
from html_page import Page
from judged import ADVICE, EQUIVALENT, change_results, judge, read_results

from stored_runs import predictions_run
from twinlens.files import read_json
from twinlens.reporting import report
from twinlens.reporting.study import summary as front
from twinlens.reporting.study.load_study import read_study

Build = Callable[..., Path]

SECTIONS = ["Methods", "Results", "Data and split", "Audit of the data", "Training", "Cost",
            "Record", "Checklist", "Files"]  # fmt: skip


@pytest.fixture
def study(tmp_path: Path, build_study: Build) -> Path:
    folder = build_study(tmp_path / "study", pretrained=[], seeds=2, label_fractions=(1.0, 0.1))
    judge(folder)
    return folder


def test_the_page_has_the_sections_of_a_paper(study: Path) -> None:
    page = Page(report(study))
    assert re.findall(r"<h2>(.*?)</h2>", page.html) == SECTIONS
    links = re.findall(r'<a href="#(.*?)">', page.html)
    assert len(links) == len(SECTIONS)
    assert set(links) <= set(page.ids)


def test_what_follows_from_the_results_is_on_the_page(study: Path) -> None:
    text = Page(report(study)).text
    for label_fraction in (1.0, 0.1):
        assert EQUIVALENT.format(arm="random + Barlow Twins", label_fraction=label_fraction) in text
    for sentence in ADVICE:
        assert sentence in text
    assert "Seeds needed: to find a difference of 0.020" in text
    assert "Ratio of standard deviations over seeds: below 1" in text
    assert "Effect size" not in text  # of two seeds there is none


def test_equivalent_labels_of_the_largest_label_fraction_comes_first(study: Path) -> None:
    sentences = front.equivalent_labels(read_study(study))
    assert ["with 1.0 of" in text for text in sentences] == [True, False]


def test_a_study_without_these_says_nothing_of_them(tmp_path: Path, build_study: Build) -> None:
    folder = build_study(tmp_path / "study", pretrained=[], seeds=2)
    text = Page(report(folder)).text
    for heading in ("Label savings", "Recommended next steps", "The model to use", "Holm"):
        assert heading not in text


@pytest.mark.parametrize(
    ("kept", "sentence"),
    [
        (
            {},
            "The run train-1-1-0 of random + Barlow Twins was selected as the model to use and "
            "is in best/. "
            "It was selected on the validation images (balanced accuracy 0.512); on the test "
            "images it reached 0.498.",
        ),
        (
            {"run": None, "members": ["a", "b"], "test": {"balanced_accuracy": 0.6}},
            "An ensemble of 2 runs of random + Barlow Twins was selected as the model to use and "
            "is in best/. It was selected on the validation images (balanced accuracy 0.512); on "
            "the test images it reached 0.600.",
        ),
        (
            {"run": None, "arm": None, "members": ["a", "b", "c"]},
            "An ensemble of 3 runs was selected as the model to use and is "
            "in best/. It was selected on the validation images (balanced accuracy 0.512); "
            "on the test images it reached 0.498.",
        ),
    ],
)
def test_the_kept_model_is_told_with_what_chose_it(
    study: Path, kept: dict[str, object], sentence: str
) -> None:
    best = read_results(study).best
    assert best
    change_results(study, best=best.model_dump() | kept)
    assert front.best(read_study(study)) == sentence


def test_an_arm_of_another_tools_predictions_stands_beside_the_others(study: Path) -> None:
    for run in (study / "runs").glob("train-1-*"):
        seed = read_json(run / "run.json")["seed"]
        predictions_run(file="others/theirs.csv", seed=seed).write(run / "run.json")
        for name in ("history.parquet", "lr_finder.json"):
            (run / name).unlink()
    page = Page(report(study))
    assert page.text.count("another tool's predictions") == 4
    assert "random + Barlow Twins: precision, recall, F1" in page.text
    assert not any("Learning-rate search, random + Barlow" in label for label in page.labels)
