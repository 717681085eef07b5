from dataclasses import replace

import pandas as pd
import pytest
from synthetic import planned_training

from stored_runs import train_run
from twinlens.evaluation.metrics import METRICS
from twinlens.study.analysis.comparisons import Comparisons
from twinlens.study.analysis.label_savings import label_savings
from twinlens.study.planning.config import Study

FRACTIONS = [0.1, 0.3, 1.0]
PLAIN = {0.1: [0.50, 0.52, 0.51], 0.3: [0.60, 0.62, 0.61], 1.0: [0.70, 0.69, 0.71]}
SAVES = "'twins' with 100 labels scores as well as 'plain' with "


def _savings(scores, plain=PLAIN):
    """Label savings of an arm that was run with a tenth of the labels."""
    study = Study(
        data="d", label_fractions=FRACTIONS, arms={"plain": {}, "twins": {"pretrain": {}}}
    )
    metric = study.primary_metric
    tables = {("plain", b): pd.DataFrame({metric: values}) for b, values in plain.items()}
    tables["twins", 0.1] = pd.DataFrame({metric: scores})
    trainings = [planned_training(f"run {b}", label_fraction=b) for b in FRACTIONS]
    records = {run.id: train_run(images=round(1000 * run.label_fraction)) for run in trainings}
    return label_savings(study, Comparisons(tables, {}, None), trainings, records)


@pytest.mark.parametrize(
    ("scores", "ends", "words"),
    [
        (
            [0.65, 0.66, 0.67],
            (300, 1000, 300, 1000),
            "300 to 1,000 (95 % confidence: 300 to 1,000; 3 paired seeds).",
        ),
        (
            [0.62, 0.60, 0.61],
            (300, 300, 100, 1000),
            "300 (95 % confidence: 100 to 1,000; 3 paired seeds).",
        ),
        (
            [0.90, 0.91, 0.93],
            (1000, None, 1000, None),
            "more than 1,000 (95 % confidence: more than 1,000; 3 paired seeds).",
        ),
        (
            [0.30, 0.90, 0.51],
            (100, 300, None, None),
            "100 to 300 (95 % confidence: any number; 3 paired seeds).",
        ),
        ([0.2], (None, 100, None, None), "fewer than 100 (1 paired seed: no confidence bounds)."),
    ],
)
def test_an_arm_is_worth_a_bracket_of_labels(scores, ends, words):
    found = _savings(scores)
    assert found.labels == {0.1: 100, 0.3: 300, 1.0: 1000}
    (row,) = found.equivalent_labels
    assert (row.mean_low, row.mean_high, row.low, row.high) == ends
    assert row.sentence == SAVES + words


def test_of_a_metric_of_which_less_is_better_the_same_holds_upside_down(monkeypatch):
    expected = _savings([0.65, 0.66, 0.67]).equivalent_labels
    error = replace(METRICS["balanced_accuracy"], higher_is_better=False)
    metrics = {**METRICS, "balanced_accuracy": error}
    monkeypatch.setattr("twinlens.study.analysis.label_savings.METRICS", metrics)
    upside_down = {b: [1 - x for x in values] for b, values in PLAIN.items()}
    assert _savings([0.35, 0.34, 0.33], upside_down).equivalent_labels == expected


def test_a_reference_with_one_label_fraction_tells_nothing():
    assert _savings([0.6, 0.7], plain={1.0: PLAIN[1.0]}) is None


def test_an_arm_that_shares_no_seed_with_the_reference_somewhere_has_no_row():
    none = {**PLAIN, 0.3: []}
    assert _savings([0.6, 0.7], plain=none).equivalent_labels == []
