"""Paired differences of arms: from the reference, and from the best frozen baseline."""

import math
from collections.abc import Sequence
from statistics import fmean

import pandas as pd

from twinlens.evaluation.metrics import METRICS
from twinlens.evaluation.uncertainty.sequential import level_at
from twinlens.evaluation.uncertainty.statistics import effect_size, holm, sd_ratio, seeds_needed
from twinlens.records.results import AgainstBaseline, Difference, StudyResults
from twinlens.study.analysis.comparisons import Comparison, Comparisons
from twinlens.study.analysis.verdict import holm_family, main_differences
from twinlens.study.planning.config import Study


def differences(study: Study, comparisons: Comparisons) -> list[Difference]:
    """Compare every arm with the reference at each label fraction, over the seeds of both."""
    return [
        compare_arms(
            (arm, fraction, metric),
            compared,
            study.min_effect if metric == study.primary_metric else None,
            comparisons.looks,
        )
        for fraction in study.label_fractions
        for arm in study.arms
        if arm != study.reference
        for metric in METRICS
        if (compared := comparisons.compare((arm, fraction), (study.reference, fraction), metric))
    ]


def compare_arms(
    key: tuple[str, float, str],
    compared: Comparison,
    min_effect: float | None,
    looks: Sequence[int],
) -> Difference:
    """Describe the difference of an arm from the reference in one metric.

    Args:
        key: The arm, the label fraction and the metric.
        compared: The comparison.
        min_effect: The smallest effect of interest, if one is declared for this metric.
        looks: Numbers of seeds at all looks at the results so far.
    """
    over_seeds, variance = compared.over_seeds, compared.variance
    ratio, ratio_ends = sd_ratio(compared.a, compared.b)
    needed = _needed(compared, min_effect, looks) if min_effect else None
    return Difference(
        arm=key[0],
        label_fraction=key[1],
        metric=key[2],
        n=len(compared.seeds),
        mean=over_seeds.mean,
        low=compared.interval.low,
        high=compared.interval.high,
        covers=compared.covers,
        level=compared.level,
        group_error=math.sqrt(variance.of_groups) if variance else None,
        seeds_low=over_seeds.interval.low,
        seeds_high=over_seeds.interval.high,
        p=compared.p,
        p_holm=None,
        false_claim=compared.false_claim,
        note=compared.note,
        seeds=compared.seeds,
        values=over_seeds.values,
        arm_mean=fmean(compared.a),
        reference_mean=fmean(compared.b),
        effect_size=effect_size(over_seeds.values),
        sd_ratio=ratio,
        sd_ratio_low=ratio_ends.low,
        sd_ratio_high=ratio_ends.high,
        seeds_needed_low=needed[0] if needed else None,
        seeds_needed=needed[1] if needed else None,
    )


def _needed(
    compared: Comparison, min_effect: float, looks: Sequence[int]
) -> tuple[int, int] | None:
    """Plan a look with more seeds, after those so far."""
    variance = compared.variance
    return seeds_needed(
        compared.over_seeds.values,
        min_effect,
        of_groups=variance.of_groups if variance else 0.0,
        free_groups=(variance and variance.free_groups) or math.inf,
        error=lambda n: 1 - level_at(looks, n),
    )


def against_baseline(
    study: Study, comparisons: Comparisons, scores: pd.DataFrame
) -> AgainstBaseline | None:
    """Compare the other arms with the best frozen baseline, by the declared metric and all labels.

    The best baseline and the best of the other arms are chosen on validation images.

    Args:
        study: The study.
        comparisons: Of its finished trainings.
        scores: The table of `scores.collect_scores`.

    Returns:
        None without a baseline, or where nothing can choose.
    """
    fraction, metric = max(study.label_fractions), study.primary_metric
    tested = [arm for arm in study.arms if (arm, fraction) in comparisons.tables]
    own = [arm for arm in tested if arm not in study.baseline_arms]
    frozen = [arm for arm in tested if arm in study.baseline_arms]
    arm = _best_on_validation(scores, own, fraction, metric)
    baseline = _best_on_validation(scores, frozen, fraction, metric)
    if arm is None or baseline is None:
        return None
    rows = [
        compare_arms((name, fraction, metric), compared, study.min_effect, comparisons.looks)
        for name in own
        if (compared := comparisons.compare((name, fraction), (baseline, fraction), metric))
    ]
    if arm not in [row.arm for row in rows]:
        return None
    return AgainstBaseline(arm=arm, baseline=baseline, differences=rows)


def _best_on_validation(
    scores: pd.DataFrame, arms: list[str], fraction: float, metric: str
) -> str | None:
    """Return the arm with the best mean over seeds: of those with several seeds, if any."""
    if len(arms) == 1:
        return arms[0]
    wanted = {"part": "val", "class_name": "", "metric": metric, "label_fraction": fraction}
    rows = scores[scores["arm"].isin(arms)]
    for column, value in wanted.items():
        rows = rows[rows[column] == value]
    by_arm = rows.groupby("arm")["value"].agg(["mean", "size"]).reindex(arms).dropna()
    several = by_arm[by_arm["size"] > 1]
    means = (by_arm if several.empty else several)["mean"] * METRICS[metric].sign
    return None if means.empty else str(means.idxmax())


def with_holm(results: StudyResults) -> StudyResults:
    """Correct all tests of the study together; see `verdict.holm_family`."""
    family = holm_family(results)
    p = dict(zip(family, holm([row.p for row in family.values()]), strict=True))
    main, against = main_differences(results), results.against_baseline
    rows = [
        _with_p(row, p.get((row.arm, results.reference))) if main.get(row.arm) is row else row
        for row in results.differences
    ]
    if against:
        corrected = [
            _with_p(row, p.get((row.arm, against.baseline))) for row in against.differences
        ]
        against = against.model_copy(update={"differences": corrected})
    return results.model_copy(update={"differences": rows, "against_baseline": against})


def _with_p(row: Difference, p_holm: float | None) -> Difference:
    return row.model_copy(update={"p_holm": p_holm})
