"""The verdict: sentences that say what the numbers allow, and no more."""

from collections.abc import Sequence
from typing import Any, Literal

NAMES = {
    "accuracy": "accuracy",
    "balanced_accuracy": "balanced accuracy",
    "macro_f1": "macro F1",
    "weighted_f1": "weighted F1",
}

LEVEL = 0.05


def verdict(results: dict[str, Any]) -> list[str]:
    """Say which arm was best against the reference, by how much and how sure.

    At the largest label fraction, on the primary metric. Other label fractions and metrics are
    descriptive.

    Args:
        results: results.json without its verdict.

    Returns:
        Two sentences: the finding, and how sure it is; a third where arms are transductive.
    """
    return [*_finding(results), *_transductive(results["transductive"])]


def main_differences(results: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Return each arm's primary difference from the reference at the largest label fraction."""
    label_fraction, metric = f"{max(results['label_fractions']):g}", results["primary_metric"]
    return {
        a: by[label_fraction][metric]
        for a, by in results["differences"].items()
        if label_fraction in by
    }


def best_arm(differences: dict[str, dict[str, Any]]) -> str:
    """Return the arm that did best against the reference: of those with several seeds, if any."""
    several = [arm for arm, difference in differences.items() if difference["n"] > 1]
    return max(several or differences, key=lambda arm: float(differences[arm]["mean"]))


def settled(interval: Sequence[float], min_effect: float) -> Literal["above", "below"] | None:
    """Say whether an interval lies wholly on one side of the smallest worthwhile gain."""
    low, high = interval
    if low >= min_effect:
        return "above"
    return "below" if high < min_effect else None


def _finding(results: dict[str, Any]) -> list[str]:
    label_fraction = f"{max(results['label_fractions']):g}"
    metric, reference = results["primary_metric"], results["reference"]
    name = NAMES.get(metric, metric)
    means = {
        a: by[label_fraction][metric]["mean"]
        for a, by in results["arms"].items()
        if label_fraction in by
    }
    found = main_differences(results)
    if reference not in means:
        return [
            f"No run of the reference arm '{reference}' with the most labels is finished.",
            "Nothing can be said yet.",
        ]
    if not found:
        first = f"'{reference}' reached a {name} of {means[reference]:.3f} on the test set."
        return [first, "There is no second arm to compare it with."]
    best = best_arm(found)
    difference = found[best]
    ours, theirs = difference["means"]
    moved = "higher" if difference["mean"] >= 0 else "lower"
    which = "The best of the other arms, " if len(found) > 1 else ""
    if difference["n"] > 1 and any(other["n"] < 2 for other in found.values()):
        which = "The best of the other arms with several seeds, "
    first = (
        f"{which}'{best}' reached a {name} of {ours:.3f} on the test set, "
        f"{abs(difference['mean']):.3f} {moved} than '{reference}' ({theirs:.3f})."
    )
    comparisons = sum(each["p_holm"] is not None for each in found.values())
    return [first, _certainty(difference, comparisons, results["min_effect"])]


def _certainty(difference: dict[str, Any], comparisons: int, min_effect: float | None) -> str:
    n, interval = difference["n"], difference["interval"]
    if n < 2:
        return (
            f"With 1 paired seed there is no interval{_other_images(difference)}: run at least two."
        )
    if interval is None:
        return str(difference["note"])
    low, high = interval
    agree = sum((value > 0) == (difference["mean"] > 0) for value in difference["values"])
    span = f"95 % interval {low:+.3f} to {high:+.3f}, {n} paired seeds, {agree} of them agreeing"
    if comparisons > 1:
        span += (
            f"; p = {difference['p_holm']:.2g} by Holm's correction for {comparisons} comparisons"
        )
    if low <= 0 <= high:
        sure = "That could be chance: the difference is not told from zero"
    elif difference["p_holm"] >= LEVEL:
        sure = f"That could be chance, as the best of {comparisons} comparisons"
    else:
        sure = "That is more than the choice of seed explains"
    return f"{sure} ({span}){_worth(interval, min_effect)}."


def _worth(interval: Sequence[float], min_effect: float | None) -> str:
    if min_effect is None:
        return ""
    side = settled(interval, min_effect)
    if side is None:
        return f"; whether it reaches the worthwhile {min_effect:g} is open"
    return f"; the interval lies wholly {side} the worthwhile {min_effect:g}"


def _other_images(difference: dict[str, Any]) -> str:
    """Say what a single pair of models allows: how they would differ on other test images."""
    interval = (difference.get("bootstrap") or {}).get("interval")
    if not interval:
        return ""
    low, high = interval
    return (
        f" over seeds; these two models would differ by {low:+.3f} to {high:+.3f} on other test "
        "images (95 %)"
    )


def _transductive(arms: list[str]) -> list[str]:
    if not arms:
        return []
    names = " and of ".join(f"'{arm}'" for arm in arms)
    return [
        f"Transductive: the pretraining of {names} saw the validation and test images, "
        "without their labels."
    ]
