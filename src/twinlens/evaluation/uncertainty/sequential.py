"""Repeated looks at the results of a study to which seeds are added: 5 % in all.

The error of 5 % is spent as seeds come in (Lan and DeMets 1983): n / (n + 1) of it after n seeds.
So neither the number of looks nor the last number of seeds need be known beforehand, and those who
run many seeds at once lose little. A t test at each look has the level that a normal test would
have (the significance level approach of Pocock 1977).
"""

from collections.abc import Iterable
from functools import cache

import numpy as np
from jaxtyping import Float
from numpy import ndarray
from scipy import stats
from scipy.optimize import brentq

from twinlens.evaluation.uncertainty.statistics import LEVEL

_POINTS = 201  # of the grid on which densities are integrated


def level_at(looks: Iterable[int], n: int) -> float:
    """Return the level of an interval over n seeds, so that those of all looks hold at 95 %.

    Args:
        looks: Numbers of seeds of earlier looks; those over as many seeds as this one, or more,
            count for nothing.
        n: Number of seeds, 2 or more.
    """
    return 1 - _error((*sorted({look for look in looks if look < n}), n))


def corrected(p: float | None, level: float) -> float | None:
    """Return a p value that is .05 where the interval of this level just reaches 0."""
    return None if p is None else min(1.0, p * (1 - LEVEL) / (1 - level))


def _spent(n: int) -> float:
    return (1 - LEVEL) * n / (n + 1)


@cache
def _error(looks: tuple[int, ...]) -> float:
    """Return the two-sided error of the last look.

    The score, a sum over seeds, moves as a random walk. Its density among the studies that no look
    before has ended is integrated look by look (Armitage, McPherson and Rowe 1969).
    """
    walk, before, spent, error = (np.zeros(1), np.ones(1)), 0, 0.0, 0.0
    for n in looks:
        sd = float(np.sqrt(n - before))
        z = brentq(_excess, 0.0, 40.0, args=(n, sd, *walk, _spent(n) - spent))
        error = 2 * float(stats.norm.sf(z))
        grid = np.linspace(-z, z, _POINTS) * np.sqrt(n)
        density = walk[1] @ stats.norm.pdf(grid, loc=walk[0][:, None], scale=sd)
        density[[0, -1]] /= 2  # trapezoids
        walk, before, spent = (grid, density * (grid[1] - grid[0])), n, _spent(n)
    return error


def _excess(
    z: float, n: int, sd: float, at: Float[ndarray, " x"], share: Float[ndarray, " x"], due: float
) -> float:
    """Return by how much the share of walks that end beyond z exceeds what is due."""
    bound = z * np.sqrt(n)
    beyond = stats.norm.sf((bound - at) / sd) + stats.norm.sf((bound + at) / sd)
    return float(share @ beyond) - due
