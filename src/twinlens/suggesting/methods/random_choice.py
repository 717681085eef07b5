"""Images drawn at random: the baseline, and the only sample that estimates how a model does."""

import numpy as np

from twinlens.suggesting.method import Method, Pick, Pool


def choose(pool: Pool, count: int, seed: int) -> list[Pick]:
    """Return `count` rows, drawn uniformly without replacement; see `Method.choose`."""
    drawn = np.random.default_rng(seed).permutation(pool.unlabelled)[:count]
    return [Pick(row, float("nan"), "drawn at random") for row in drawn.tolist()]


METHOD = Method("Random choice", "uniform, without replacement", choose)
