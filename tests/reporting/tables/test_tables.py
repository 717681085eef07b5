from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from twinlens.reporting.study import forest_plots as figures
from twinlens.reporting.study.confusion import confusions
from twinlens.reporting.study.load_study import StoredStudy, read_study
from twinlens.reporting.study.result_tables import arms_table
from twinlens.reporting.tables import tables

Build = Callable[..., Path]


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory, build_study: Build) -> StoredStudy:
    return read_study(
        build_study(tmp_path_factory.mktemp("tables") / "study", label_fractions=(0.1, 1.0))
    )


def test_confusion_sums_seeds_and_puts_groups_together(study: StoredStudy) -> None:
    matrix = confusions(study)[1]
    assert matrix.classes == ["MEL", "BCC", "NV", "BKL", "VASC"]
    assert matrix.breaks == [2]
    runs = study.runs_of("train", arm=matrix.arm, label_fraction=1.0)
    assert len(runs) == 3
    names = study.classes
    for i, true in enumerate(matrix.classes):
        for j, predicted in enumerate(matrix.classes):
            by_seed = [
                run.test.confusion[names.index(true)][names.index(predicted)]
                for run in runs
                if run.test
            ]
            assert matrix.counts[i][j] == sum(by_seed)
        assert sum(share or 0 for share in matrix.shares[i]) == pytest.approx(1)


def test_counts_add_up(study: StoredStudy) -> None:
    table = tables.counts_table(study)
    assert table is not None
    assert [cell.text for cell in table.head[-4:]] == ["train", "val", "test", "unlabelled"]
    numbers = [[int(c.text.replace(",", "")) for c in row[-4:]] for row in table.rows]
    assert np.sum(numbers[:-1], axis=0).tolist() == numbers[-1]
    assert numbers[-2] == [0, 0, 0, 1500]


def test_largest_label_fraction_comes_first_and_is_named_once(study: StoredStudy) -> None:
    table = arms_table(study)
    assert [row[0].text for row in table.rows] == ["100 %", "", "10 %", ""]
    assert table.head[3].detail == "primary"


def test_class_f1_is_each_seeds_own(study: StoredStudy) -> None:
    runs = study.runs_of("train", arm="random", label_fraction=1.0)
    expected = [run.test.per_class["MEL"].f1 for run in runs if run.test]
    assert figures.class_f1(study, "random", "MEL") == expected


def test_records_may_differ_in_their_keys_or_be_sentences() -> None:
    table = tables.records_table([{"run": "a", "seed": 1}, {"error": None}, "it broke"])
    assert table is not None
    assert [cell.text for cell in table.head] == ["Run", "Seed", "Error", "What"]
    assert [cell.text for cell in table.rows[1]] == ["", "", "–", ""]
    assert table.rows[2][3].text == "it broke"
    assert tables.records_table([]) is None


@pytest.mark.parametrize(
    ("given", "shown"),
    [({"a": 1}, "a 1"), ([1, "b"], "1, b"), (True, "yes"), (None, "–"), ("x", "x")],
)
def test_facts_are_written_as_words(given: object, shown: str) -> None:
    table = tables.facts_table({"some_fact": given})
    assert table is not None
    assert [cell.text for cell in table.rows[0]] == ["some fact", shown]


@pytest.mark.parametrize("colour", [None, "", "no colour", "red; background: url(x)", 3])
def test_invalid_class_colours_become_grey(colour: object) -> None:
    assert figures.class_colour({"colour": colour}) == figures.RULE
    assert figures.class_colour({"colour": "red"}) == "#ff0000"
