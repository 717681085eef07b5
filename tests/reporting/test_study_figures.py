"""Figures of a study's page, as they stand on it."""

from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
from html_page import Page
from PIL import Image

from stored_runs import configure
from twinlens.reporting import report

Build = Callable[..., Path]

CLASSES = ["MEL", "NV", "BCC", "BKL", "VASC"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, build_study: Build) -> Path:
    arms = [f"arm {n}" for n in range(8)]
    folder = build_study(
        tmp_path_factory.mktemp("many") / "study",
        arms=arms,
        pretrained=[],
        seeds=1,
        label_fractions=(1.0, 0.1),
        results={
            "min_effect": 0.02,
            "label_efficiency": {
                "labels": {"1": 900, "0.1": 90},
                "val_labels": 77,
                "equivalent_labels": [],
            },
        },
    )
    for run in (folder / "runs").iterdir():
        table = pd.DataFrame({f"p_{c}": [0.3, 0.1, 0.2, 0.15, 0.25] for c in CLASSES})
        table.assign(label=CLASSES, split="test").to_parquet(run / "predictions.parquet")
        Image.new("RGB", (96, 96)).save(run / "views.png")
        configure(run, views="paper" if run.name.startswith("train-7") else "recommended")
    report(folder)
    return folder


def test_every_figure_is_on_the_page_and_has_files(folder: Path) -> None:
    page = Page(folder / "report.html")
    for words in (
        "What was run, one line per arm",
        "In the shaded zone a difference is smaller than 0.020",
        "Every number comes with 77 validation labels.",
        "each arm beside arm 0",
        "receiver operating characteristic and precision-recall of one run",
        "Views as fine-tuning draws them",
    ):
        assert words in page.text
    files = {path.name for path in (folder / "figures").iterdir()}
    for name in ("framework", "differences", "differences-2", "label_efficiency",
                 "operating_curves", "operating_curves-8", "training_views"):  # fmt: skip
        assert {f"{name}.svg", f"{name}.pdf"} <= files


def test_what_many_arms_would_fill_the_page_with_is_folded(folder: Path) -> None:
    html = (folder / "report.html").read_text(encoding="utf-8")
    folded = "".join(part.partition("</details>")[0] for part in html.split("<details>")[1:])
    assert "ROC and precision-recall of the other 6 arms" in folded
    assert folded.count("receiver operating characteristic and") == 6
    assert folded.count("The differences with 10 % of the labels, drawn in the same way.") == 1
    assert len(html) < 2_000_000


def test_arms_that_share_a_recipe_share_its_picture(folder: Path) -> None:
    text = Page(folder / "report.html").text
    assert text.count("Views as fine-tuning draws them") == 2
    assert "Views as fine-tuning draws them (arm 7)" in text
