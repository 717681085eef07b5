from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from twinlens.reporting.study.load_study import StoredStudy, read_study
from twinlens.reporting.study.result_tables import arms_table
from twinlens.reporting.tables import tables

Build = Callable[..., Path]


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory, build_study: Build) -> StoredStudy:
    return read_study(
        build_study(tmp_path_factory.mktemp("tables") / "study", label_fractions=(0.1, 1.0))
    )


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
