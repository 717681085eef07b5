from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
from html_page import Page
from judged import change_results, read_results

from twinlens.reporting.report import report
from twinlens.reporting.study.load_study import read_study
from twinlens.reporting.study.summary import answer, diverged, headline, key_numbers
from twinlens.study.analysis.verdict import verdict

Build = Callable[..., Path]


def test_verdict_leads(tmp_path: Path, build_study: Build) -> None:
    folder = build_study(tmp_path / "study", pretrained=[], seeds=1)
    page = Page(report(folder))
    first, second = read_results(folder).verdict
    text = page.text
    assert text.index(f"Did it help? This cannot be said yet. {first}") < text.index("Table 1.")
    assert text.index(first) < text.index(f"How sure is that? {second}") < text.index("Table 1.")


def test_the_best_frozen_baseline_leads_where_there_is_one(tmp_path, build_study):
    arms, fractions = ["random", "other", "dino, frozen"], [1.0, 0.5]
    labels = {"labels": {"1": 900, "0.5": 450}, "val_labels": 9, "equivalent_labels": []}
    folder = build_study(
        tmp_path / "study",
        arms=arms,
        pretrained=[],
        seeds=2,
        label_fractions=fractions,
        results={"label_efficiency": labels, "baselines": arms[2:]},
    )
    row = next(d for d in read_results(folder).differences if d.arm == "other")
    changes = {"mean": -0.04, "low": -0.06, "high": -0.02, "p_holm": 0.01}
    against = {"arm": "other", "baseline": "dino, frozen",
               "differences": [row.model_dump() | changes]}  # fmt: skip
    change_results(folder, against_baseline=against)
    change_results(folder, verdict=verdict(read_results(folder)))
    first, second, *rest = read_results(folder).verdict
    text = Page(report(folder)).text
    assert f"Does it beat frozen features? No. {first} {second} Did it help?" in text
    assert f"{rest[0]} How sure is that? {rest[1]}" in text
    study = read_study(folder)
    assert study.best_other == "other"
    assert [name for _, name in headline(study).legend] == arms
    assert [detail.split(", ±")[0] for _, _, detail in key_numbers(study)[:3]] == arms


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({}, "Yes."),
        ({"low": -0.01}, "Not shown."),
        ({"p_holm": 0.2}, "Not shown."),
        ({"mean": -0.03, "low": -0.04, "high": -0.02}, "No, it harmed."),
        ({"low": None, "high": None}, "This cannot be said yet."),
    ],
)
def test_the_answer_follows_from_interval_and_corrected_p(study, change, expected):
    clear = {"mean": 0.03, "low": 0.02, "high": 0.04, "p_holm": 0.01}
    differences = [
        difference.model_dump() | clear | change for difference in read_results(study).differences
    ]
    change_results(study, differences=differences)
    assert answer(read_study(study)) == expected


def test_the_headline_shows_curves_or_with_one_label_fraction_differences(tmp_path, build_study):
    one = read_study(build_study(tmp_path / "one", seeds=2))
    fractions = {"labels": {"1": 900, "0.5": 450}, "val_labels": 9, "equivalent_labels": []}
    folder = build_study(
        tmp_path / "several",
        seeds=2,
        label_fractions=[1.0, 0.5],
        results={"label_efficiency": fractions},
    )
    several = read_study(folder)
    alone = read_study(build_study(tmp_path / "alone", arms=["random"], pretrained=[], seeds=2))
    assert headline(one).shows == "differences"
    assert headline(several).shows == "curves"
    assert [name for _, name in headline(several).legend] == several.arms
    assert headline(alone) is None


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({}, "The run train-1-1-0 of random + Barlow Twins, in best/. It was selected on the "
             "validation images (balanced accuracy 0.512); on the test images it reached 0.498."),
        ({"run": None, "members": ["a", "b"]}, "An ensemble of 2 runs of random + Barlow"),
        ({"run": None, "arm": None, "members": ["a", "b", "c"]}, "An ensemble of 3 runs, in best/"),
    ],
)  # fmt: skip
def test_the_model_to_use_is_described_with_its_scores(study, change, sentence):
    best = read_results(study).best
    change_results(study, best=best.model_dump() | change)
    assert sentence in Page(report(study)).text


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


def test_trainings_whose_loss_rose_are_named(tmp_path, build_study):
    folder = build_study(tmp_path / "study", pretrained=[], seeds=3, label_fractions=[1.0, 0.1])
    assert diverged(read_study(folder)) == ""
    for name in ("train-0-1-1", "train-1-0.1-0", "train-1-0.1-2"):
        path = folder / "runs" / name / "history.parquet"
        history = pd.read_parquet(path)
        history.assign(loss=history["loss"].max() - history["loss"]).to_parquet(path)
    assert (
        "In 3 of 12 trainings the loss of the last epoch was no lower than that of the first: "
        "random (seed 1) and random + Barlow Twins (seeds 0 and 2, 10 % of the labels). These "
    ) in Page(report(folder)).text
