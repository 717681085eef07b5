"""Temperature scaling of probabilities (Guo et al. 2017, arXiv 1706.04599)."""

import numpy as np
from jaxtyping import Float
from numpy import ndarray
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax

from twinlens.inference.test_time import Probabilities
from twinlens.models.load_model import LEAST
from twinlens.types import Rows

_RANGE = (0.05, 20.0)
_AT_END = 1.001  # of a limit, as a factor


def scaled(probabilities: Probabilities, temperature: float) -> Float[ndarray, "image class"]:
    """Return softmax(log p / T): the predicted classes stay, and T > 1 lowers the confidence.

    It is applied to probabilities that are averaged over views and models. For a single view it
    equals dividing the logits by T.

    Args:
        probabilities: Shape (image, class); rows add up to 1.
        temperature: T > 0.
    """
    return np.asarray(np.exp(_log(probabilities, temperature)))


def fit_temperature(labels: Rows, probabilities: Probabilities) -> float | None:
    """Return the temperature with the least log loss; None where the images do not determine it.

    They do not where every prediction is right, or no better than chance.

    Args:
        labels: Class number of each validation image, shape (image,).
        probabilities: Shape (image, class).
    """
    images = np.arange(len(labels))

    def log_loss(log_temperature: float) -> float:
        return -float(_log(probabilities, np.exp(log_temperature))[images, labels].mean())

    low, high = np.log(_RANGE)
    found = float(np.exp(minimize_scalar(log_loss, bounds=(low, high), method="bounded").x))
    inside = _RANGE[0] * _AT_END < found < _RANGE[1] / _AT_END
    return found if inside else None


def _log(probabilities: Probabilities, temperature: float) -> Float[ndarray, "image class"]:
    logits = np.log(np.maximum(probabilities.astype(np.float64), LEAST))
    return np.asarray(log_softmax(logits / temperature, axis=1))
