from collections.abc import Callable
from pathlib import Path

from audited import study_audit
from html_page import Page

from twinlens.reporting.report import report

Build = Callable[..., Path]


def test_the_audit_of_the_data_has_a_section_and_its_leaks_a_notice(
    tmp_path: Path, build_study: Build
) -> None:
    folder = build_study(tmp_path / "study", pretrained=[], seeds=1)
    assert "No audit of the data is stored" in Page(report(folder)).text
    leak, calm = "Split 'robust' LEAKS: <b>12</b> groups.", "2 exact duplicates."
    update = {"warnings": (leak,), "summary": (leak, calm)}
    study_audit().model_copy(update=update).write(folder / "audit.json")
    page = Page(report(folder))
    assert page.text.count(leak) == 2
    assert page.text.index(leak) < page.text.index("Table 1.")
    assert page.text.rindex(leak) < page.text.index(calm)
    assert "test 20.0 % 1.0 % 21.0 %" in page.text
