"""Has a network collapsed, so that it can no longer tell images apart?"""

from twinlens.records.monitor import Evaluation


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
