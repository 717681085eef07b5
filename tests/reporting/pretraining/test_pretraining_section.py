from collections.abc import Callable
from pathlib import Path

import pytest
from html_page import Page
from planned import share_pretraining
from watched import ALARM, watch

from twinlens.reporting.pretraining import pretraining_section
from twinlens.reporting.report import report
from twinlens.reporting.study.arm_runs import by_arm
from twinlens.reporting.study.load_study import read_study

Build = Callable[..., Path]


@pytest.fixture
def study(tmp_path: Path, build_study: Build) -> Path:
    """A study of three arms, of which the last two share a pretraining of two seeds."""
    folder = build_study(tmp_path / "study", arms=["none", "a", "b"], pretrained=["a"], seeds=2)
    share_pretraining(folder, "b", "pretrain-1")
    for seed in range(2):
        watch(folder / "runs" / f"pretrain-1-{seed}", verdict=[f"Verdict {seed}."])
    return folder


def test_arms_that_share_a_pretraining_share_its_section(study: Path) -> None:
    page = Page(report(study))
    for words in (
        "Is the pretraining of a and b working?",
        "the pretraining of a and b, seed 0, one dot per image, the same images in both.",
        "the pretraining of a and b, seed 0, nearest first.",
        "Seed 0: Verdict 0. The weights kept are those of the last step.",
        "Seed 1: Verdict 1. The weights kept are those of the last step.",
    ):
        assert page.text.count(words) == 1
    assert sum(label.count("Map of the embedding") for label in page.labels) == 2


def test_the_section_comes_with_the_pretraining(study: Path) -> None:
    html = report(study).read_text(encoding="utf-8")
    section = html[html.index("<h3>Pretraining</h3>") : html.index("<h3>Fine-tuning</h3>")]
    assert "Is the pretraining of a and b working?" in section
    assert section.count("labelled training images") == 1


def test_an_alarm_of_any_seed_is_a_notice_and_explained(study: Path) -> None:
    watch(study / "runs" / "pretrain-1-1", alarm=230)
    page = Page(report(study))
    notice = f"Alarm in the pretraining of a and b, seed 1: {ALARM}"
    assert page.text.index(notice) < page.text.index("Table 1.")
    assert page.text.count("Lines with a triangle mark alarms.") == 1
    assert any("alarm at step 230" in label for label in page.labels)


def test_pretrainings_of_an_older_version_say_what_they_lack(
    tmp_path: Path, build_study: Build
) -> None:
    text = Page(report(build_study(tmp_path / "study", seeds=1))).text
    lacking = "no curves, no map of the embedding and no nearest neighbours."
    assert f"This pretraining has stored {lacking}" in text


def test_pictures_are_named_once_the_page_is_full(
    study: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pretrained = by_arm(read_study(study), "pretrain")
    twice = [*pretrained, *pretrained]
    size = sum(
        row.size
        for row in pretraining_section.pretraining_sections(pretrained, study)[0].neighbours
    )
    monkeypatch.setattr(pretraining_section, "_PICTURE_BYTES", size)
    first, second = pretraining_section.pretraining_sections(twice, study)
    assert (len(first.neighbours), first.neighbours_file) == (3, "")
    assert second.neighbours == []
    assert second.neighbours_file == "runs/pretrain-1-0/neighbours.png"


def test_only_the_first_pretraining_is_explained(tmp_path: Path, build_study: Build) -> None:
    arms = ["none", "a", "b"]
    folder = build_study(tmp_path / "study", arms=arms, pretrained=["a", "b"], seeds=1)
    for number in (1, 2):
        watch(folder / "runs" / f"pretrain-{number}-0")
    page = Page(report(folder))
    assert page.text.count("working? Measured at intervals") == 2
    assert page.text.count("Effective rank: the number of dimensions") == 1
    assert len(page.ids) == len(set(page.ids))
