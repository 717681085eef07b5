import pandas as pd
import pytest
from scipy import stats

from twinlens.models.published import WEIGHTS
from twinlens.records.label_efficiency import LabelEfficiency
from twinlens.records.results import AgainstBaseline, StudyResults
from twinlens.study.analysis.advice import _EXAMPLE, advise
from twinlens.study.analysis.comparisons import Comparisons
from twinlens.study.analysis.differences import compare_arms
from twinlens.study.planning.config import Study

ARMS = {"plain": {}, "twins": {"pretrain": {}}, "on train": {"pretrain": {}, "images": "train"}}
PLAIN = {0.1: [0.50, 0.52, 0.51], 1.0: [0.60, 0.61, 0.62]}
TWINS = {0.1: [0.55, 0.56, 0.57], 1.0: [0.65, 0.64, 0.66]}
ON_TRAIN = {0.1: [0.53, 0.56, 0.54], 1.0: [0.60, 0.62, 0.61]}
LEVEL = 1 - 0.05 * 3 / 4  # at the first look, over three seeds
METRIC = "balanced_accuracy"
IMAGES = {"twins": 8000, "on train": 1000}


def _advise(
    min_effect=0.02,
    seeds=3,
    label_fractions=(0.1, 1.0),
    arms=ARMS,
    images=IMAGES,
    changes=(),
    **scores,
):
    study = Study(data="d", arms=arms, label_fractions=label_fractions, min_effect=min_effect)
    scores = {"plain": PLAIN, "twins": TWINS, "on train": ON_TRAIN} | scores
    comparisons = Comparisons(
        {
            (arm, b): pd.DataFrame({METRIC: scores[arm][b][:seeds]})
            for arm in arms
            for b in label_fractions
            if scores[arm][b]
        },
        {},
        None,
    )
    differences = [
        compare_arms((arm, 1.0, METRIC), found, min_effect, [seeds]).model_copy(update=changes)
        for arm in list(arms)[1:]
        if (found := comparisons.compare((arm, 1.0), ("plain", 1.0), METRIC))
    ]
    efficiency = LabelEfficiency(labels={0.1: 250, 1.0: 2000}, val_labels=9, equivalent_labels=[])
    results = _results(
        study, differences, label_efficiency=efficiency if len(label_fractions) > 1 else None
    )
    return advise(results, study, comparisons, images)[1:]  # of frozen baselines below


def _results(study, differences, *, label_efficiency=None, baselines=()):
    return StudyResults(
        title="",
        primary_metric=METRIC,
        min_effect=study.min_effect,
        reference="plain",
        seeds=[],
        label_fractions=study.label_fractions,
        metrics=[],
        arms=list(study.arms),
        transductive=[],
        test_access=[],
        looks=[],
        failures=[],
        summaries=[],
        differences=differences,
        baselines=baselines,
        label_efficiency=label_efficiency,
        advice=[],
        best=None,
        verdict=[],
    )


@pytest.mark.parametrize(
    ("min_effect", "answer"),
    [
        (0.001, "no, the interval of 'twins' is ±0.029 over 3 seeds, and all of it lies above"),
        (0.08, "no, the interval of 'twins' is ±0.029 over 3 seeds, and all of it lies below"),
        (0.016, "8 to 23 seeds in all detect such a difference with 80 % power"),
        (None, "over 3 seeds; declare 'min_effect' before the runs to learn how many"),
    ],
)
def test_more_seeds_pay_until_the_worthwhile_difference_is_settled(min_effect, answer):
    assert answer in _advise(min_effect)[0]


@pytest.mark.parametrize(
    ("changes", "answer"),
    [
        ({"seeds_needed": 3}, "perhaps; the interval of 'twins' is ±0.029 over 3 seeds, and the"),
        (
            {"group_error": 0.01, "seeds_needed": None},
            "no, the interval of 'twins' is ±0.029 over 3 seeds and, with these test images, stays "
            "above about ±0.020 with any number, so that no number of seeds detects the smallest "
            "effect of interest, 0.03, with 80 % power; more test images would.",
        ),
    ],
)
def test_it_may_be_a_close_call_or_the_test_images_may_hide_the_difference(changes, answer):
    assert answer in _advise(0.03, changes=changes)[0]


def test_more_seeds_than_one_always_pay_and_equal_differences_tell_nothing():
    assert "yes, one pair of runs gives no estimate of the spread" in _advise(seeds=1)[0]
    two = _advise(0.2, seeds=2)
    assert "over 2 seeds" in two[0]
    assert "2 paired seeds" in two[1]
    equal = _advise(twins={b: [x + 0.1 for x in v] for b, v in PLAIN.items()})
    assert "cannot say. All differences are equal" in equal[0]
    assert "no two arms to compare" in _advise(arms={"plain": {}}, images={})[0]


def test_more_labels_pay_where_the_best_arms_curve_still_rises():
    gain = stats.ttest_rel(TWINS[1.0], TWINS[0.1])
    low, high = gain.confidence_interval(LEVEL)
    assert _advise()[1] == (
        f"More labels: from 250 to 2,000 'twins' gained +0.090 (95 % interval {low:+.3f} to "
        f"{high:+.3f}, 3 paired seeds), +0.030 per doubling; the score is still rising, "
        "and nothing was run beyond 2,000."
    )
    flat = _advise(twins={0.1: [0.65, 0.66, 0.64], 1.0: [0.65, 0.64, 0.66]})
    assert "the interval includes zero, and nothing" in flat[1]
    assert "falling, and nothing" in _advise(twins={0.1: [0.8, 0.81, 0.8], 1.0: TWINS[1.0]})[1]


def test_one_label_label_fraction_or_runs_that_lack_tell_nothing_about_labels():
    assert "with one label fraction; run a smaller one" in _advise(label_fractions=(1.0,))[1]
    lacking = {arm: {0.1: [], 1.0: of[1.0]} for arm, of in (("plain", PLAIN), ("twins", TWINS))}
    arms = {"plain": {}, "twins": {"pretrain": {}}}
    assert (
        "two largest label fractions have no finished"
        in _advise(arms=arms, images={}, **lacking)[1]
    )
    elsewhere = _advise(plain=lacking["plain"], twins=lacking["twins"])[1]
    assert "'on train' gained" in elsewhere, "the best of the arms that have both"


def test_more_unlabelled_images_are_judged_by_arms_that_differ_in_nothing_else():
    (told,) = _advise()[2:]
    gain = stats.ttest_rel(TWINS[1.0], ON_TRAIN[1.0]).confidence_interval(LEVEL)
    assert told == (
        "More unlabelled images: with 8,000 instead of 1,000, 'twins' gained +0.040 "
        f"(95 % interval {gain.low:+.3f} to {gain.high:+.3f}, 3 paired seeds) over 'on train'; "
        "the interval includes zero."
    )
    others = {**ARMS, "on train": {"pretrain": {"epochs": 7}, "images": "train"}}
    assert "the study cannot say, as no two arms differ only" in _advise(arms=others)[2]
    assert "the study cannot say" in _advise(images={"twins": 8000})[2]


def _on_baseline(interval=None, **changes):
    """Return the advice on frozen baselines, where the difference from the best is known."""
    study = Study(data="d", arms={"plain": {}}, **changes)
    rows = []
    if interval:
        tables = {("plain", 1.0): [0.5, 0.6], ("vicreg, frozen", 1.0): [0.5, 0.5]}
        tables = {key: pd.DataFrame({METRIC: values}) for key, values in tables.items()}
        comparison = Comparisons(tables, {}, None).compare(*tables, METRIC)
        row = compare_arms(("plain", 1.0, METRIC), comparison, None, [])
        low, high = interval
        p = {"low": low, "high": high, "mean": (low + high) / 2, "p_holm": 0.01}
        rows = [row.model_copy(update=p)]
    against = AgainstBaseline(arm="plain", baseline="vicreg, frozen", differences=rows)
    results = _results(study, [], baselines=study.baseline_arms)
    results = results.model_copy(update={"against_baseline": against if rows else None})
    return advise(results, study, Comparisons({}, {}, None), {})[0]


@pytest.mark.parametrize(
    ("interval", "advice"),
    [
        (
            (-0.2, -0.1),
            "use 'vicreg, frozen', or train further from it: an arm with 'encoder: resn",
        ),
        ((-0.2, 0.1), "is not shown to be worse or better than 'plain'; more seeds or test images"),
        ((0.1, 0.2), "'plain' is worth its training"),
        (None, "none is compared yet"),
    ],
)
def test_what_follows_from_the_comparison_with_a_frozen_baseline(interval, advice):
    assert advice in _on_baseline(interval, baselines=["vicreg"])


def test_a_study_without_a_frozen_baseline_is_told_how_to_have_one():
    assert "Add 'baselines: [dinov2_small]' to the study file" in _on_baseline()
    assert "no published weights were at hand" in _on_baseline(baselines="auto")
    assert _EXAMPLE in WEIGHTS
