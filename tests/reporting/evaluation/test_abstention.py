import pytest

from twinlens.reporting.evaluation.abstention import content
from twinlens.reporting.evaluation.page import build_page


def test_tables_hold_the_stored_numbers(assessed):
    found = content(assessed)
    first = assessed.record.data[0].reliability
    assert [row[0].text for row in found["sets"].rows] == ["derm", "derm", "outside", "outside"]
    assert found["sets"].rows[0][2].text == f"{first.sets[0].coverage.value:.3f}"
    assert [row[0].text for row in found["class_coverage"].rows] == assessed.record.classes
    frame = found["errors"].frame.set_index(["data", "number"])
    all_answered = first.selective.errors[0].error.value
    assert frame.loc[("derm", "100 % answered"), "value"] == pytest.approx(all_answered)
    assert found["flagged"].rows[0][-1].text == "dark 9"
    assert len(found["curves"]) == 1


def test_the_page_warns_of_a_shift(assessed):
    html, _ = build_page(assessed)
    assert "does not survive a shift" in html
    assert "Nothing assures it on outside." in html


def test_without_an_assessment_the_page_says_so(evaluation):
    found = content(evaluation)
    assert not any(found[name] for name in ("sets", "errors", "curves", "flagged", "notes"))
    assert "has not assessed when" in build_page(evaluation)[0]
