"""A pool of planted clusters, for the tests of the methods."""

import numpy as np
import pytest

from twinlens.evaluation.features.probe import unit_rows
from twinlens.suggesting.method import Pool


@pytest.fixture
def planted():
    return _planted


def _planted(sizes, labelled=(), probabilities=None, spread=0.02, seed=0):
    """Clusters about the axes of a space, rows in the order of the clusters."""
    random = np.random.default_rng(seed)
    cluster = np.repeat(np.arange(len(sizes)), sizes)
    x = np.eye(len(sizes) + 2)[cluster]
    x = x + random.normal(0, spread, x.shape)
    mask = np.zeros(len(x), bool)
    mask[list(labelled)] = True
    return Pool(unit_rows(x), mask, probabilities), cluster
