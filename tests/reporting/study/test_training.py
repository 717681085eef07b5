import json
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
from html_page import Page
from PIL import Image
from planned import share_pretraining

from stored_runs import configure
from twinlens.files import read_json
from twinlens.reporting import report

Build = Callable[..., Path]


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory, build_study: Build) -> Page:
    return Page(report(build_study(tmp_path_factory.mktemp("plain") / "study", fallback=True)))


def test_fallback_of_the_lr_finder_is_said(page: Page) -> None:
    assert "Seed 1: the loss falls over 4 steps only, so the rate is 1e-3." in page.text


def test_arms_that_share_a_pretraining_share_its_panels(tmp_path: Path, build_study: Build) -> None:
    folder = build_study(tmp_path / "study", arms=["none", "a", "b"], pretrained=["a"], seeds=1)
    share_pretraining(folder, "b", "pretrain-1")
    page = Page(report(folder))
    assert "Pairs of views as pretraining saw them (a and b)" in page.text
    assert any(label.startswith("Loss against the step, a and b: loss") for label in page.labels)
    assert not any("seconds" in label for label in page.labels)


def test_each_method_shows_its_own_terms(tmp_path: Path, build_study: Build) -> None:
    folder = build_study(
        tmp_path / "study", arms=["none", "a", "b"], pretrained=["a", "b"], seeds=1
    )
    run = folder / "runs" / "pretrain-2-0"
    history = pd.read_parquet(run / "history.parquet")
    names = {"redundancy": "variance", "floor": "covariance"}
    history.rename(columns=names).to_parquet(run / "history.parquet")
    configure(run, method="vicreg")
    page = Page(report(folder))
    shown = " ".join(page.labels)
    assert "Loss against the step, a: loss, invariance, redundancy and floor." in shown
    assert "Loss against the step, b: loss, invariance, variance and covariance." in shown
    for name in ("Barlow Twins", "VICReg"):
        assert f"Method: {name}." in page.text
        assert f"pretraining by {name}" in page.text


def test_diverged_training_is_drawn_as_far_as_it_went(tmp_path: Path, build_study: Build) -> None:
    folder = build_study(tmp_path / "study", pretrained=[], seeds=2)
    path = folder / "runs" / "train-1-1-0" / "lr_finder.json"
    found = read_json(path)
    found |= {name: found[name][:50] for name in ("lrs", "losses", "smoothed")}
    path.write_text(json.dumps(found))
    assert "Learning-rate search of the fine-tuning" in Page(report(folder)).text


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
