import pytest

from twinlens.errors import UserError
from twinlens.reporting import report as module
from twinlens.reporting.report import PAGES, report


@pytest.mark.parametrize("file", PAGES)
def test_a_folder_gets_the_page_of_what_it_holds(tmp_path, monkeypatch, file):
    (tmp_path / file).touch()
    monkeypatch.setitem(PAGES, file, lambda folder: folder / f"page of {file}")
    assert report(tmp_path) == tmp_path / f"page of {file}"


def test_any_other_folder_is_taken_for_a_study(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "study_report", lambda folder: folder / "study")
    assert report(tmp_path) == tmp_path / "study"


def test_a_folder_that_holds_nothing_is_refused(tmp_path):
    with pytest.raises(UserError, match="holds no"):
        report(tmp_path)
