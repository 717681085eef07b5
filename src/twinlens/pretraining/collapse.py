"""Has a network collapsed, so that it can no longer tell images apart, or become worse?"""

from collections.abc import Sequence

from twinlens.records.monitor import Evaluation, ProbeData


def describe_collapse(last: Evaluation, first: Evaluation) -> str | None:
    """Say how features or embeddings have collapsed, or return None.

    The thresholds are far below what a working run shows: embeddings of any of the methods fill
    tens of dimensions, even an untrained network's features have a relative dispersion of more
    than .05, and they keep more than a sixth of the dimensions that they filled at `first`.

    Args:
        last: The evaluation in question.
        first: The evaluation before the first step.
    """
    if last.feature_dispersion < 0.02:
        return (
            "all images have nearly the same features (relative dispersion "
            f"{last.feature_dispersion:.2g})"
        )
    if last.embedding_rank < 3:
        return f"the embeddings fill only {last.embedding_rank:.1f} dimensions"
    if last.feature_rank < 3:
        return f"the features fill only {last.feature_rank:.1f} dimensions"
    if last.feature_rank < first.feature_rank / 10:
        return (
            f"the features fill {last.feature_rank:.0f} dimensions, less than a tenth of the "
            f"{first.feature_rank:.0f} that they began with"
        )
    return None


def describe_fall(
    trained: Sequence[Evaluation], first: Evaluation, probe: ProbeData | None
) -> str | None:
    """Say that the linear probe fell clearly below its start, or return None.

    Clearly: in two evaluations in a row by more than twice its standard error. A single one would
    often do so by chance.

    Args:
        trained: The evaluations since the encoder has been trained.
        first: The evaluation before the first step.
        probe: The images of the probe; None without one.
    """
    if probe is None or first.linear_probe is None or len(trained) < 2:
        return None
    least = first.linear_probe - 2 * probe.standard_error
    values = [e.linear_probe for e in trained[-2:] if e.linear_probe is not None]
    if max(values, default=least) >= least:
        return None
    return (
        f"the linear probe fell from {first.linear_probe:.3f} to {values[-1]:.3f}, by more than "
        f"twice its standard error (up to {probe.standard_error:.3f})"
    )
