"""The verdict: which arm was best, by how much and how certain, no more than the numbers allow."""

from collections.abc import Mapping, Sequence
from typing import Literal, TypeVar

from twinlens.evaluation.metrics import METRICS
from twinlens.records.results import ArmSummary, Difference, StudyResults
from twinlens.study.analysis.sentences import sentence, sentences

ALPHA = 0.05

Row = TypeVar("Row", ArmSummary, Difference)


def verdict(results: StudyResults) -> list[str]:
    """Say which arm was best, by how much and how certain: against frozen features, and at all.

    At the largest label fraction, on the primary metric. Other label fractions and metrics are
    descriptive.

    Args:
        results: The results of a study, whose own verdict is not read.

    Returns:
        Two sentences on the best frozen baseline, if there is one; two on the reference: the
        difference, and its uncertainty; another where arms are transductive.
    """
    return [*on_baseline(results), *on_reference(results)]


def on_baseline(results: StudyResults) -> list[str]:
    """Say whether the best arm or the best frozen baseline wins; nothing without a baseline."""
    against = results.against_baseline
    if not against:
        return []
    best = against.best
    several = len(against.differences) > 1 or len(results.baselines) > 1
    first = sentence(
        "baseline",
        "scores",
        arm=best.arm,
        metric=METRICS[best.metric].words,
        mean=best.arm_mean,
        baseline=against.baseline,
        baseline_mean=best.reference_mean,
        chosen=sentence("baseline", "chosen") if several else "",
    )
    if best.n < 2 or best.interval is None or best.p_holm is None:
        return [first, _certainty(best, results)]
    winner = baseline_winner(results)
    size, span = abs(best.mean), _span(best, results)
    outcome = winner or ("open" if includes_zero(best) else "not_after_holm")
    return [first, sentence("baseline", outcome, size=size, span=span)]


def on_reference(results: StudyResults) -> list[str]:
    """Compare the best of the other arms that are no baselines with the reference."""
    return [*_conclusion(results), *_transductive(results.transductive)]


def main_differences(results: StudyResults) -> dict[str, Difference]:
    """Return each arm's primary difference from the reference at the largest label fraction.

    Frozen baselines are left out: they have a comparison of their own.
    """
    where = max(results.label_fractions), results.primary_metric
    return {
        d.arm: d
        for d in results.differences
        if (d.label_fraction, d.metric) == where and d.arm not in results.baselines
    }


def holm_family(results: StudyResults) -> dict[tuple[str, str], Difference]:
    """Return Holm's family, by the arms compared: all else is descriptive.

    It holds the primary differences at the largest label fraction, of the arms from the reference
    and from the best frozen baseline, as far as there is a p value.
    """
    family = {(arm, results.reference): row for arm, row in main_differences(results).items()}
    if against := results.against_baseline:
        family |= {(row.arm, against.baseline): row for row in against.differences}
    return {pair: row for pair, row in family.items() if row.p is not None}


def baseline_winner(results: StudyResults) -> Literal["arm", "baseline"] | None:
    """Return which of the best arm and the best frozen baseline is shown to be better, if any."""
    best = results.against_baseline and results.against_baseline.best
    if not best or includes_zero(best) or best.p_holm is None or best.p_holm >= ALPHA:
        return None
    return "arm" if METRICS[best.metric].sign * best.mean > 0 else "baseline"


def includes_zero(row: Difference) -> bool:
    """Return whether the interval of a difference includes zero, or there is none."""
    return row.interval is None or row.interval[0] <= 0 <= row.interval[1]


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
    subject = "best_of_several" if len(differences) > 1 else "only_other"
    if best.n > 1 and any(other.n < 2 for other in differences.values()):
        subject = "best_with_seeds"
    first = sentence(
        "verdict",
        "best",
        subject=sentence("verdict", subject, arm=best.arm),
        metric=words,
        mean=best.arm_mean,
        size=abs(best.mean),
        direction="higher" if best.mean >= 0 else "lower",
        reference=reference,
        reference_mean=best.reference_mean,
    )
    return [first, _certainty(best, results)]


def _certainty(best: Difference, results: StudyResults) -> str:
    if best.n < 2:
        if best.interval:
            low, high = best.interval
            return sentence("verdict", "one_seed_interval", low=low, high=high)
        return sentence("verdict", "one_seed")
    if best.interval is None or best.p_holm is None:
        return best.note
    sure = "detected_given_test_set" if best.covers == "seeds" else "detected"
    if includes_zero(best):
        sure = "includes_zero"
    elif best.p_holm >= ALPHA:
        sure = "not_after_holm"
    sure = sentence("verdict", sure, comparisons=len(holm_family(results)))
    effect = ""
    if results.min_effect is not None:
        side = side_of(best.interval, results.min_effect, sign=METRICS[best.metric].sign)
        effect = sentence("verdict", side or "open", min_effect=results.min_effect)
    span = _span(best, results)
    return sentence("verdict", "certainty", sure=sure, span=span, effect=effect)


def _span(best: Difference, results: StudyResults) -> str:
    """Return the interval of a difference, and what it is corrected for."""
    low, high = best.interval or (None, None)
    agree = sum((value > 0) == (best.mean > 0) for value in best.values)
    span = sentence(
        "verdict", "span", low=low, high=high, covers=best.covers, n=best.n, agree=agree
    )
    if (comparisons := len(holm_family(results))) > 1:
        span += sentence("verdict", "holm", p=best.p_holm, comparisons=comparisons)
    if earlier := sum(look < best.n for look in results.looks):
        span += sentence("verdict", "looks", looks=earlier + 1)
    return span


def _transductive(arms: Sequence[str]) -> list[str]:
    if not arms:
        return []
    names = " and of ".join(f"'{arm}'" for arm in arms)
    return sentences("verdict", "transductive", arms=names)
