from collections.abc import Callable
from pathlib import Path

import pytest
from html_page import Page
from judged import change_rows, judge

from twinlens.reporting.formatting import decimal, interval, p_value, probability
from twinlens.reporting.report import report
from twinlens.reporting.study.load_study import StoredStudy, read_study
from twinlens.reporting.study.result_tables import arms_table, differences_table, size_table

Build = Callable[..., Path]


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory, build_study: Build) -> StoredStudy:
    """A study of three arms, five seeds and two label fractions."""
    folder = tmp_path_factory.mktemp("comparison") / "study"
    build_study(folder, arms=["a", "b", "c"], pretrained=[], seeds=5, label_fractions=(1.0, 0.1))
    judge(folder)
    return read_study(folder)


def test_the_test_has_its_p_value_and_that_after_correction(study: StoredStudy) -> None:
    table = differences_table(study)
    assert table is not None
    found = study.difference("b", 1.0, study.primary)
    assert found
    column = 3  # label fraction, arm, pairs
    detail = table.rows[0][column].detail.splitlines()
    assert detail == [
        interval(found.interval, signed=True),
        p_value(found.p),
        f"Holm {p_value(found.p_holm)}",
        f"false claim {probability(found.false_claim)}",
    ]
    rest = [cell.detail for row in table.rows[2:] for cell in row[column:]]
    assert not any("p " in detail for detail in rest)


def test_there_is_no_test_where_only_fewer_labels_are_finished(
    tmp_path: Path, build_study: Build
) -> None:
    folder = build_study(tmp_path / "study", pretrained=[], seeds=3, label_fractions=(0.1,),
                         results={"label_fractions": [1.0, 0.1]})  # fmt: skip
    study = read_study(folder)
    table = differences_table(study)
    assert table is not None
    assert not any("p " in cell.detail for row in table.rows for cell in row)
    text = Page(report(folder)).text
    assert "Only balanced accuracy, with 100 % of the labels, is a test, which is not fin" in text
    assert "Balanced accuracy, 10 % of the labels" in text


def test_a_single_comparison_is_not_corrected(tmp_path: Path, build_study: Build) -> None:
    folder = build_study(tmp_path / "study", pretrained=[], seeds=3)
    judge(folder)
    table = differences_table(read_study(folder))
    assert table is not None
    assert "Holm" not in table.rows[0][2].detail
    assert "p = " in table.rows[0][2].detail


def test_sizes_are_those_of_the_primary_metric(study: StoredStudy) -> None:
    table = size_table(study)
    assert table is not None
    heads = [cell.text for cell in table.head]
    assert heads == [
        "Labels", "Arm", "Effect size", "Ratio of sd", "Interval over seeds", "Seeds needed"
    ]  # fmt: skip
    found = study.difference("b", 1.0, study.primary)
    assert found
    row = table.rows[0]
    assert row[2].text == decimal(found.effect_size, signed=True, digits=2)
    assert row[3].text == decimal(found.sd_ratio, digits=2)
    assert row[3].detail == interval(found.sd_ratio_interval, digits=2)
    assert row[4].text == interval(found.seeds_interval, signed=True)
    assert row[5].text == f"{found.seeds_needed_low}–{found.seeds_needed}"


def test_one_seed_has_no_sizes(tmp_path: Path, build_study: Build) -> None:
    study = read_study(build_study(tmp_path / "study", pretrained=[], seeds=1))
    assert size_table(study) is None
    assert study.min_effect is None


def test_two_single_models_have_an_interval_over_test_images(
    tmp_path: Path, build_study: Build
) -> None:
    folder = build_study(tmp_path / "study", pretrained=[], seeds=1)
    judge(folder)
    table = differences_table(read_study(folder))
    assert table is not None
    assert table.rows[0][2].detail == "[−0.050, +0.060]\nthese two models"


def test_of_many_rows_those_of_the_largest_label_fraction_lead(study: StoredStudy) -> None:
    table = arms_table(study)
    assert table.lead == 3
    assert [row[0].text for row in table.rows] == ["100 %", "", "", "10 %", "", ""]


def test_an_arm_of_fewer_label_fractions_has_no_row_where_it_was_not_run(
    tmp_path: Path, build_study: Build
) -> None:
    folder = build_study(tmp_path / "s", pretrained=[], seeds=2, label_fractions=(1.0, 0.1))
    missing = ("random + Barlow Twins", 0.1)
    change_rows(
        folder, "summaries", lambda r: None if (r["arm"], r["label_fraction"]) == missing else r
    )
    table = arms_table(read_study(folder))
    assert len(table.rows) == len(table.records) == 3
