"""The verdict: which arm was best, by how much and how certain, no more than the numbers allow."""

from collections.abc import Mapping, Sequence
from typing import Literal, TypeVar

from twinlens.evaluation.metrics import METRICS
from twinlens.records.results import ArmSummary, Difference, StudyResults
from twinlens.study.analysis.sentences import sentence, sentences

ALPHA = 0.05

Row = TypeVar("Row", ArmSummary, Difference)


def verdict(results: StudyResults) -> list[str]:
    """Say which arm was best against the reference, by how much and how certain.

    At the largest label fraction, on the primary metric. Other label fractions and metrics are
    descriptive.

    Args:
        results: The results of a study, whose own verdict is not read.

    Returns:
        Two sentences: the difference, and its uncertainty; a third where arms are transductive.
    """
    return [*_conclusion(results), *_transductive(results.transductive)]


def main_differences(results: StudyResults) -> dict[str, Difference]:
    """Return each arm's primary difference from the reference at the largest label fraction."""
    where = max(results.label_fractions), results.primary_metric
    return {d.arm: d for d in results.differences if (d.label_fraction, d.metric) == where}


def best_arm(rows: Mapping[str, Row]) -> str:
    """Return the arm that did best against the reference: of those with several seeds, if any."""
    several = [arm for arm, row in rows.items() if row.n > 1]
    return max(several or rows, key=lambda arm: METRICS[rows[arm].metric].sign * rows[arm].mean)


def side_of(
    interval: tuple[float, float], min_effect: float, *, sign: int = 1
) -> Literal["above", "below"] | None:
    """Return on which side of the smallest effect of interest an interval lies, if on one.

    Args:
        interval: Interval of a difference.
        min_effect: The smallest effect of interest, above 0.
        sign: -1 for a metric of which lower is better.
    """
    low, high = sorted(sign * end for end in interval)
    if low >= min_effect:
        return "above"
    return "below" if high < min_effect else None


def _conclusion(results: StudyResults) -> list[str]:
    metric, reference = results.primary_metric, results.reference
    words = METRICS[metric].words
    own = results.summary(reference, max(results.label_fractions), metric)
    differences = main_differences(results)
    if not own:
        return sentences("verdict", "no_reference", reference=reference)
    if not differences:
        return sentences("verdict", "no_other", reference=reference, metric=words, mean=own.mean)
    best = differences[best_arm(differences)]
    first = sentence(
        "verdict",
        "best",
        arm=best.arm,
        metric=words,
        mean=best.arm_mean,
        size=abs(best.mean),
        direction="higher" if best.mean >= 0 else "lower",
        reference=reference,
        reference_mean=best.reference_mean,
    )
    if best.n > 1 and any(other.n < 2 for other in differences.values()):
        first = sentence("verdict", "best_with_seeds", best=first)
    elif len(differences) > 1:
        first = sentence("verdict", "best_of_several", best=first)
    comparisons = sum(difference.p_holm is not None for difference in differences.values())
    return [first, _certainty(best, comparisons, results)]


def _certainty(best: Difference, comparisons: int, results: StudyResults) -> str:
    if best.n < 2:
        if best.interval:
            low, high = best.interval
            return sentence("verdict", "one_seed_interval", low=low, high=high)
        return sentence("verdict", "one_seed")
    if best.interval is None or best.p_holm is None:
        return best.note
    low, high = best.interval
    agree = sum((value > 0) == (best.mean > 0) for value in best.values)
    span = sentence(
        "verdict", "span", low=low, high=high, covers=best.covers, n=best.n, agree=agree
    )
    if comparisons > 1:
        span += sentence("verdict", "holm", p=best.p_holm, comparisons=comparisons)
    if earlier := sum(look < best.n for look in results.looks):
        span += sentence("verdict", "looks", looks=earlier + 1)
    sure = "detected_given_test_set" if best.covers == "seeds" else "detected"
    if low <= 0 <= high:
        sure = "includes_zero"
    elif best.p_holm >= ALPHA:
        sure = "not_after_holm"
    sure = sentence("verdict", sure, comparisons=comparisons)
    effect = ""
    if results.min_effect is not None:
        side = side_of(best.interval, results.min_effect, sign=METRICS[best.metric].sign)
        effect = sentence("verdict", side or "open", min_effect=results.min_effect)
    return sentence("verdict", "certainty", sure=sure, span=span, effect=effect)


def _transductive(arms: Sequence[str]) -> list[str]:
    if not arms:
        return []
    names = " and of ".join(f"'{arm}'" for arm in arms)
    return sentences("verdict", "transductive", arms=names)
