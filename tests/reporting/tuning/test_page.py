import re

import pytest
from html_page import Page

from twinlens.errors import UserError
from twinlens.records.tuning import FoldDifference
from twinlens.reporting.report import report
from twinlens.reporting.tuning.page import (
    candidates_words,
    folds_table,
    settings_table,
    trials_table,
    tuning_report,
)
from twinlens.settings.search import Choices, Range

BETTER = FoldDifference(values=[0.1, 0.08], mean=0.09, interval=(0.02, 0.16))


@pytest.fixture
def shown(results, tmp_path):
    """A function that writes the results, changed or not, and returns the page."""

    def show(**changes):
        results.model_copy(update=changes).write(tmp_path / "tuning.json")
        return Page(report(tmp_path))

    return show


def test_the_page_is_one_file_that_loads_nothing(shown, tmp_path):
    page = shown()
    assert all(address.startswith(("#", "data:image/")) for address in page.addresses)
    assert page.runs_only_its_own_script()
    assert len(page.ids) == len(set(page.ids))
    assert {a[1:] for a in page.addresses if a.startswith("#")} <= set(page.ids)
    assert tuning_report(tmp_path).read_text(encoding="utf-8") == page.html


def test_it_says_what_came_out_how_sure_that_is_and_what_next(shown, tmp_path):
    text = shown().text
    assert "Of 2 finished trials, trial 2 has the best mean balanced accuracy: 0.550" in text
    assert "0.450 with the own settings" in text
    assert "+0.090 [−0.020, +0.200]" in text
    assert "is not shown to have found better settings" in text
    assert "chance helped to select it" in text
    assert f"twinlens compare {tmp_path}/best.yaml --out results" in text
    assert "1 trial of 5 is left" in text
    assert "Trial 4: The loss became nan." in text
    assert "25 % of the 180 labelled training images" in text
    assert "always in the training part: df." in text
    assert "twinlens tune study.yaml --out out --trials 5" in text


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"selected": BETTER}, "The search found better settings than the arm's own."),
        ({"warm": True}, "without their labels"),
        ({"importance": None}, "too few finished trials to say how important"),
        ({"best": None, "difference": None, "selected": None}, "No trial is finished yet."),
        ({"trials": [], "best": None, "difference": None, "selected": None}, "5 trials of 5 are"),
        ({"selected": None}, "chance helped to select it"),
    ],
)
def test_what_is_not_known_is_left_out_and_what_must_be_known_is_said(shown, changes, sentence):
    assert sentence in shown(**changes).text


def test_the_tables_hold_the_results(results):
    texts = [[cell.text for cell in row] for row in settings_table(results).rows]
    assert texts == [
        ["train.lr", "0.0001 to 0.01, logarithmic", "0.001", "0.004", "80.0 %"],
        ["train.class_balance", "none, loss", "none", "none", "20.0 %"],
    ]
    folds = [[cell.text for cell in row] for row in folds_table(results).rows]
    assert folds[1] == ["2", "30", "15", "0.400", "0.500", "+0.100"]
    numbers = [row[0].text for row in trials_table(results).rows]
    assert numbers == ["own", "2", "1", "3", "4", "5"]
    assert trials_table(results).rows[3][2].text == "pruned after 1"


def test_candidates_are_written_in_words():
    assert candidates_words(Range(low=10, high=40, step=10.0)) == "10 to 40, step 10"
    assert candidates_words(Choices((True, None))) == "yes, –"


def test_damaged_results_are_refused_in_one_sentence(tmp_path):
    (tmp_path / "tuning.json").write_text("{}")
    with pytest.raises(UserError, match=re.escape("tuning.json is damaged")):
        report(tmp_path)
