from collections.abc import Callable
from pathlib import Path

from html_page import Page
from judged import read_results

from twinlens.reporting import report

Build = Callable[..., Path]


def test_verdict_leads(tmp_path: Path, build_study: Build) -> None:
    folder = build_study(tmp_path / "study", pretrained=[], seeds=1)
    page = Page(report(folder))
    verdict = " ".join(read_results(folder).verdict)
    assert page.text.index(verdict) < page.text.index("Table 1.")


def test_notices_are_shown_plainly(tmp_path: Path, build_study: Build) -> None:
    folder = build_study(
        tmp_path / "study",
        seeds=1,
        data={"notice": "Synthetic: drawn by a program."},
        pretraining={"images": "all"},
    )
    text = Page(report(folder)).text
    assert text.count("Synthetic: drawn by a program.") == 1
    notice = "Transductive: the pretraining of random + Barlow Twins has seen the validation and"
    assert text.index(notice) < text.index("Table 1.")
