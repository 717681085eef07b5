import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from html_page import Page
from judged import change_results

from twinlens.reporting.report import report

Build = Callable[..., Path]

SECTIONS = ["Results", "Best arm", "Errors", "Data", "Audit", "Methods", "Training", "Cost",
            "Record", "Checklist", "Files"]  # fmt: skip


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory, build_study: Build) -> Path:
    return build_study(tmp_path_factory.mktemp("plain") / "study", fallback=True)


@pytest.fixture(scope="module")
def page(study: Path) -> Page:
    return Page(report(study))


def test_report_is_one_file_that_loads_nothing(study: Path, page: Page) -> None:
    assert page.addresses
    assert all(a.startswith(("#", "data:image/png;base64,")) for a in page.addresses)
    assert not re.search(r"@import|url\((?!#)", page.html)
    assert page.runs_only_its_own_script()
    assert len(page.html) < 2_000_000
    assert [path.name for path in study.glob("*.html")] == ["report.html"]
    assert not list(study.glob(".*.tmp"))


def test_the_page_has_the_sections_of_a_paper(page: Page) -> None:
    assert re.findall(r"<h2>(.*?)</h2>", page.html) == SECTIONS
    links = re.findall(r'<a href="#(.*?)">', page.html)
    assert links[0] == "top"
    assert len(links) == 1 + len(SECTIONS)
    assert set(links) <= set(page.ids)


def test_references_within_the_page_have_one_target_each(page: Page) -> None:
    assert len(page.ids) == len(set(page.ids))
    assert {a[1:] for a in page.addresses if a.startswith("#")} <= set(page.ids)
    assert set(re.findall(r"url\(#([^)]*)\)", page.html)) <= set(page.ids)


@pytest.mark.parametrize("kind", ["Figure", "Table"])
def test_figures_and_tables_are_numbered_in_order(page: Page, kind: str) -> None:
    numbers = [int(n) for n in re.findall(rf"<b>{kind} (\d+)\.</b>", page.html)]
    assert len(numbers) >= 6
    assert numbers == list(range(1, len(numbers) + 1))


def test_every_drawing_has_words_for_those_who_hear_it(page: Page) -> None:
    drawings = len(re.findall(r'<svg [^>]*role="img"', page.html))
    assert drawings >= 10
    assert page.html.count('role="img" aria-label="') == drawings
    assert any("difference from random" in label for label in page.labels)


def test_colours_are_left_to_the_page(page: Page) -> None:
    drawings = re.findall(r'<svg [^>]*role="img".*?</svg>', page.html, flags=re.DOTALL)
    training = [d for d in drawings if "Learning-rate search" in d[:300]]
    assert training
    assert not any(
        re.search(r"#[0-9a-f]{6}\b", d.replace("#m", "").replace("#p", "")) for d in training
    )
    assert "prefers-color-scheme: dark" in page.html


def test_page_is_repeatable(study: Path, page: Page) -> None:
    assert report(study).read_text(encoding="utf-8") == page.html


def test_markup_in_names_is_text(tmp_path: Path, build_study: Build) -> None:
    evil = '<script>alert("x")</script>'
    classes = {evil: (evil, "#b22222", evil), "b & $x_1$": ("", "", "benign")}
    folder = build_study(
        tmp_path / "study",
        arms=["random", evil],
        pretrained=[evil],
        seeds=2,
        classes=classes,
        data={"notice": evil},
        results={"verdict": [evil, evil], "failures": [{"run": evil, "reason": evil}]},
    )
    page = Page(report(folder))
    assert page.runs_only_its_own_script()
    assert evil in page.text
    assert any(evil in label for label in page.labels)
    assert "b & $x_1$" in page.text


def test_one_arm_with_one_seed(tmp_path: Path, build_study: Build) -> None:
    folder = build_study(tmp_path / "study", arms=["random"], pretrained=[], seeds=1)
    text = Page(report(folder)).text
    assert "one seed: no interval" in text
    assert "±" not in text.replace("mean ± standard deviation", "")
    assert "There is one arm, so there are no differences to show." in text
    assert "No arm was pretrained in this study" in text


def test_missing_parts_are_said_in_words(tmp_path: Path, build_study: Build) -> None:
    folder = build_study(tmp_path / "study", seeds=2)
    for run in (folder / "runs").iterdir():
        for name in ("history.parquet", "lr_finder.json", "metrics.json", "views.png"):
            (run / name).unlink(missing_ok=True)
    (folder / "environment.json").unlink()
    (folder / "study.yaml").unlink()
    text = Page(report(folder)).text
    for sentence in (
        "No finished run has stored scores by class.",
        "No finished run has stored a confusion matrix.",
        "No pretraining run has stored its pairs of views.",
        "No pretraining run has stored its loss.",
        "No fine-tuning run has searched for its learning rate.",
        "No fine-tuning run has stored its loss.",
        "No run has stored its schedule.",
        "The environment was not stored.",
    ):
        assert sentence in text


def test_results_without_any_run(tmp_path: Path, build_study: Build) -> None:
    built = build_study(tmp_path / "built", pretrained=[], seeds=2)
    change_results(built, test_access=[])
    folder = tmp_path / "study"
    folder.mkdir()
    shutil.copy(built / "results.json", folder)
    text = Page(report(folder)).text
    assert "No run is stored beside these results." in text
    assert "No access to the test set is on record." in text
    assert "No finished run has stored the counts of its data." in text


def test_arm_without_any_finished_run(tmp_path: Path, build_study: Build) -> None:
    folder = build_study(tmp_path / "study", pretrained=[], seeds=2)
    change_results(folder, arms=["random", "random + Barlow Twins", "broken"])
    assert "no finished run" in Page(report(folder)).text
