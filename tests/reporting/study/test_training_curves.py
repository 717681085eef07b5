import json
from collections.abc import Callable
from pathlib import Path

import pandas as pd
from html_page import Page

from stored_runs import configure
from twinlens.files import read_json
from twinlens.reporting.report import report

Build = Callable[..., Path]


def test_fallback_of_the_lr_finder_is_on_the_page(tmp_path: Path, build_study: Build) -> None:
    page = Page(report(build_study(tmp_path / "study", pretrained=[], fallback=True)))
    assert "Seed 1: the loss falls over 4 steps only, so the rate is 1e-3." in page.text


def test_each_method_shows_the_terms_of_its_loss(tmp_path: Path, build_study: Build) -> None:
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
    search = read_json(path)
    search |= {name: search[name][:50] for name in ("lrs", "losses", "smoothed")}
    path.write_text(json.dumps(search))
    assert "Learning-rate search of the fine-tuning" in Page(report(folder)).text
