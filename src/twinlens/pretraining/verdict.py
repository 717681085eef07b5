"""Did a pretraining work? A few sentences that say what its monitor saw, and no more."""

from typing import Any

from twinlens.pretraining.monitor import kept_moment


def verdict(monitor: dict[str, Any]) -> list[str]:
    """Say how probes and ranks moved, and whether the network collapsed.

    Args:
        monitor: The content of monitor.json.

    Returns:
        One to four sentences.
    """
    moments = monitor["moments"]
    if len(moments) < 2:
        return ["The monitor did not look at this pretraining, so nothing is known of it."]
    first, last = moments[0], kept_moment(monitor)
    sentences = [_probe(first, last, monitor["probe"])]
    if monitor["kept"] != "last":
        sentences.append(
            "These weights were kept for this probe, so its value is partly luck and too good."
        )
    sentences.append(
        f"The effective rank of the features went from {first['feature_rank']:.0f} to "
        f"{last['feature_rank']:.0f}."
    )
    alarms = [alarm["message"] for alarm in monitor["alarms"]]
    return sentences + (alarms or ["No collapse was seen."])


def _probe(first: dict[str, float], last: dict[str, float], probe: dict[str, Any] | None) -> str:
    if probe is None:
        return "Without labelled training images of two classes no probe could be fitted."
    gain = last["linear_probe"] - first["linear_probe"]
    if abs(gain) <= 2 * probe["error"]:
        meaning = f"a change within its noise (standard error up to {probe['error']:.3f})"
    else:
        meaning = "the features tell the classes better" if gain > 0 else "the features got worse"
    return (
        f"A linear probe of {probe['images']} training images, each scored by one that was fitted "
        f"to others, went from {first['linear_probe']:.3f} to {last['linear_probe']:.3f} in "
        f"balanced accuracy, and kNN from {first['knn_probe']:.3f} to {last['knn_probe']:.3f}: "
        f"{meaning}."
    )
