import re
import shutil

from html_page import Page

from twinlens.reporting.evaluation.page import SECTIONS, evaluation_report
from twinlens.reporting.report import report


def test_the_page_is_one_file_that_loads_nothing(evaluation, tmp_path):
    folder = shutil.copytree(evaluation.folder, tmp_path / "out")
    page = Page(report(folder))
    assert all(a.startswith(("#", "data:image/jpeg;base64,")) for a in page.addresses)
    assert page.runs_only_its_own_script()
    assert len(page.ids) == len(set(page.ids))
    assert {"top", *SECTIONS} <= set(page.ids)
    for kind in ("Figure", "Table"):
        numbers = [int(n) for n in re.findall(rf"<b>{kind} (\d+)\.</b>", page.html)]
        assert numbers == list(range(1, len(numbers) + 1))
    assert (folder / "tables" / "metrics.csv").is_file()
    again = evaluation_report(folder)
    assert again.read_text(encoding="utf-8") == page.html
