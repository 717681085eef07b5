from collections.abc import Callable
from pathlib import Path

from html_page import Page
from PIL import Image
from planned import share_pretraining

from stored_runs import configure
from twinlens.reporting.report import report

Build = Callable[..., Path]


def test_arms_that_share_a_pretraining_share_its_panels(tmp_path: Path, build_study: Build) -> None:
    folder = build_study(tmp_path / "study", arms=["none", "a", "b"], pretrained=["a"], seeds=1)
    share_pretraining(folder, "b", "pretrain-1")
    page = Page(report(folder))
    assert "Views as pretraining saw them (a and b)" in page.text
    assert any(label.startswith("Loss against the step, a and b: loss") for label in page.labels)
    assert not any("seconds" in label for label in page.labels)


def test_too_large_a_picture_is_named_instead(tmp_path: Path, build_study: Build) -> None:
    folder = build_study(tmp_path / "study", seeds=1)
    (folder / "runs" / "pretrain-1-0" / "views.png").write_bytes(bytes(1_000_001))
    page = Page(report(folder))
    assert "it is stored as runs/pretrain-1-0/views.png" in page.text
    assert "img" not in page.tags


def test_arms_that_share_a_recipe_share_its_picture(tmp_path: Path, build_study: Build) -> None:
    folder = build_study(tmp_path / "study", arms=["none", "a", "b"], pretrained=[], seeds=1)
    for run in (folder / "runs").iterdir():
        Image.new("RGB", (96, 96)).save(run / "views.png")
        configure(run, views="paper" if run.name.startswith("train-2") else "recommended")
    text = Page(report(folder)).text
    assert text.count("Views as fine-tuning draws them") == 2
    assert "Views as fine-tuning draws them (b)" in text
    assert (folder / "figures" / "training_views.svg").exists()
