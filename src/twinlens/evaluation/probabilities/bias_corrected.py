"""Calibration by a temperature and a bias of each class, as adapting to a prior shift needs it.

Alexandari, Kundaje and Shrikumar (2020, arXiv 1901.06852): a temperature alone leaves classes whose
probabilities are too high on average, for example where training was balanced by class, and such a
bias misleads EM. Fitted on validation images, the probabilities assume their prevalence.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from numpy import ndarray
from scipy.optimize import minimize
from scipy.special import log_softmax, softmax

from twinlens.inference.test_time import Probabilities
from twinlens.types import Rows

_LEAST = 1e-12  # probability
_TEMPERATURES = (0.05, 20.0)


@dataclass(frozen=True)
class BiasCorrected:
    """Calibrated probabilities: softmax(scale * log p + bias).

    Attributes:
        scale: 1 / temperature.
        bias: Of each class.
        prior: Prevalence that the calibrated probabilities assume: their mean over the validation
            images, which is above 0 for a class without any.
    """

    scale: float
    bias: Float[ndarray, " class"]
    prior: Float[ndarray, " class"]

    def apply(self, probabilities: Probabilities) -> Float[ndarray, "image class"]:
        """Return the calibrated probabilities."""
        return _calibrated(probabilities, self.scale, self.bias)


def fit_bias_corrected(labels: Rows, probabilities: Probabilities) -> BiasCorrected:
    """Fit scale and biases to validation images, with the least log loss.

    A standard normal prior of each bias, which counts as much as one image or less, keeps those of
    classes with few images near 0.

    Args:
        labels: Class number of each validation image, shape (image,).
        probabilities: Shape (image, class).
    """
    n, classes = probabilities.shape
    z, wanted = _log(probabilities), np.eye(classes)[labels]

    def loss(x: Float[ndarray, " parameter"]) -> tuple[float, Float[ndarray, " parameter"]]:
        log_q = log_softmax(x[0] * z + x[1:], axis=1)
        excess = np.exp(log_q) - wanted
        value = -float((wanted * log_q).sum()) + float(x[1:] @ x[1:]) / 2
        slope = np.append((excess * z).sum(), excess.sum(axis=0) + x[1:])
        return value / n, slope / n

    start = np.append(1.0, np.zeros(classes))
    bounds = [tuple(1 / t for t in reversed(_TEMPERATURES)), *[(None, None)] * classes]
    scale, *bias = minimize(loss, start, jac=True, method="L-BFGS-B", bounds=bounds).x
    biases = np.array(bias)
    return BiasCorrected(
        float(scale), biases, _calibrated(probabilities, float(scale), biases).mean(axis=0)
    )


def _log(probabilities: Probabilities) -> Float[ndarray, "image class"]:
    return np.asarray(np.log(np.maximum(probabilities.astype(np.float64), _LEAST)))


def _calibrated(
    probabilities: Probabilities, scale: float, bias: Float[ndarray, " class"]
) -> Float[ndarray, "image class"]:
    return np.asarray(softmax(scale * _log(probabilities) + bias, axis=1))
