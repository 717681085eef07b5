"""The verdict: sentences that say what the numbers allow, and no more."""

from typing import Any

NAMES = {
    "accuracy": "accuracy",
    "balanced_accuracy": "balanced accuracy",
    "macro_f1": "macro F1",
    "weighted_f1": "weighted F1",
}


def verdict(results: dict[str, Any]) -> list[str]:
    """Say which arm was best against the reference, by how much and how sure.

    At the largest label budget, on the primary metric. Other budgets and metrics are descriptive.

    Args:
        results: results.json without its verdict.

    Returns:
        Two sentences: the finding, and how sure it is; a third where arms are transductive.
    """
    return [*_finding(results), *_transductive(results["transductive"])]


def _finding(results: dict[str, Any]) -> list[str]:
    budget = f"{max(results['budgets']):g}"
    metric, reference = results["primary_metric"], results["reference"]
    name = NAMES.get(metric, metric)
    means = {a: by[budget][metric]["mean"] for a, by in results["arms"].items() if budget in by}
    found = {a: by[budget][metric] for a, by in results["differences"].items() if budget in by}
    if reference not in means:
        return [
            f"No run of the reference arm '{reference}' is finished.",
            "Nothing can be said yet.",
        ]
    if not found:
        first = f"'{reference}' reached a {name} of {means[reference]:.3f} on the test set."
        return [first, "There is no second arm to compare it with."]
    best = max(found, key=lambda arm: found[arm]["mean"])
    difference = found[best]
    ours, theirs = difference["means"]
    moved = "higher" if difference["mean"] >= 0 else "lower"
    which = "The best of the other arms, " if len(found) > 1 else ""
    first = (
        f"{which}'{best}' reached a {name} of {ours:.3f} on the test set, "
        f"{abs(difference['mean']):.3f} {moved} than '{reference}' ({theirs:.3f})."
    )
    return [first, _certainty(difference, comparisons=len(found))]


def _certainty(difference: dict[str, Any], *, comparisons: int) -> str:
    n, interval = difference["n"], difference["interval"]
    if interval is None:
        return f"With {n} paired seed{'s' * (n != 1)} there is no interval: run at least two."
    if difference["p"] is None:
        return str(difference["note"])
    low, high = interval
    agree = sum((value > 0) == (difference["mean"] > 0) for value in difference["values"])
    span = f"95 % interval {low:+.3f} to {high:+.3f}, {n} paired seeds, {agree} of them agreeing"
    if low <= 0 <= high:
        sure = f"That could be chance: the difference is not told from zero ({span})."
    else:
        sure = f"That is more than the choice of seed explains ({span})."
    if comparisons > 1:
        sure += f" It is the best of {comparisons} comparisons, uncorrected."
    return sure


def _transductive(arms: list[str]) -> list[str]:
    if not arms:
        return []
    names = " and of ".join(f"'{arm}'" for arm in arms)
    return [
        f"Transductive: the pretraining of {names} saw the validation and test images, "
        "without their labels."
    ]
