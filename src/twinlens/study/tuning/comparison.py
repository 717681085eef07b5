"""How trials compare with the arm's own settings, fold by fold."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from twinlens.evaluation.uncertainty.statistics import LEVEL
from twinlens.records.tuning import FoldDifference

Scores = Sequence[float]
"""Score on each fold."""


def fold_difference(a: Scores, b: Scores, folds: int) -> FoldDifference:
    """Compare scores on the same folds: a - b, with the corrected resampled t test.

    Trainings of a cross-validation share images, so that their scores vary less than those of
    independent ones would. The variance of the mean of J differences is therefore
    (1 / J + n_test / n_train) s^2, with n_test / n_train = 1 / (folds - 1) (Nadeau and Bengio
    2003, Machine Learning 52, eq. 9).

    Args:
        a: Scores on each fold; of several seeds, on all of their folds.
        b: Scores on the same folds in the same order.
        folds: Number of folds of a seed.

    Returns:
        The differences; without an interval where all are equal.
    """
    values = np.subtract(a, b)
    mean, count = float(values.mean()), len(values)
    interval = None
    if count > 1 and np.ptp(values) > 1e-12:
        error = np.sqrt((1 / count + 1 / (folds - 1)) * values.var(ddof=1))
        reach = float(stats.t.ppf((1 + LEVEL) / 2, count - 1) * error)
        interval = (mean - reach, mean + reach)
    return FoldDifference(values=values.tolist(), mean=mean, interval=interval)


def best_of(scores: Sequence[Scores] | NDArray[np.float64], sign: int) -> int:
    """Return the place of the best mean among trials; of equal ones the first."""
    return int(np.argmax(sign * np.mean(scores, axis=1)))


def selected_scores(scores: Sequence[Scores], sign: int) -> list[float]:
    """Return for each fold the score of the trial that is best on the other folds.

    The best of many means is too good, as chance helped to select it. Here the fold that gives the
    score takes no part in the selection (Tsamardinos et al. 2018, Machine Learning 107, discuss
    this estimate and others).

    Args:
        scores: Scores on each fold, for each trial that finished; on two folds or more.
        sign: 1 where a larger score is better, -1 where a smaller one is.
    """
    table = np.asarray(scores, dtype=np.float64)
    return [
        float(table[best_of(np.delete(table, fold, axis=1), sign), fold])
        for fold in range(table.shape[1])
    ]
