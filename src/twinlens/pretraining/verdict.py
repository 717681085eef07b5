"""Did a pretraining work? A few sentences on what its monitor measured, and no more."""

from twinlens.records.monitor import Evaluation, MonitorRecord, ProbeData


def verdict(monitor: MonitorRecord) -> list[str]:
    """Say in a few sentences how probes and ranks changed, and what alarms there were.

    Args:
        monitor: The evaluations.
    """
    if len(monitor.evaluations) < 2:
        return ["The monitor was off during this pretraining, so its success is not known."]
    first, last = monitor.evaluations[0], monitor.kept_evaluation
    sentences = [_probe(first, last, monitor.probe)]
    if monitor.kept != "last":
        sentences.append(
            "These weights were kept for this probe, so its value is partly luck and too good."
        )
    sentences.append(
        f"The effective rank of the features went from {first.feature_rank:.0f} to "
        f"{last.feature_rank:.0f}."
    )
    sentences += [alarm.message for alarm in monitor.alarms]
    collapsed = any(alarm.kind == "collapse" for alarm in monitor.alarms)
    return sentences if collapsed else [*sentences, "No collapse was seen."]


def _probe(first: Evaluation, last: Evaluation, probe: ProbeData | None) -> str:
    before, after = first.linear_probe, last.linear_probe
    if probe is None or before is None or after is None:
        return "Without labelled training images of two classes no probe could be fitted."
    error = probe.standard_error
    if abs(after - before) <= 2 * error:
        meaning = f"a change within its noise (standard error up to {error:.3f})"
    elif after > before:
        meaning = "the features separate the classes better"
    else:
        meaning = "the features separate the classes worse"
    return (
        f"A linear probe of {probe.images} training images, each scored by one that was fitted "
        f"to others, went from {before:.3f} to {after:.3f} in balanced accuracy, and kNN from "
        f"{first.knn_probe:.3f} to {last.knn_probe:.3f}: {meaning}."
    )
