"""Prior shift: classes that are more or less frequent where a model is used than where it learned.

Only the frequencies of the classes change, not what the images of a class look like. Saerens,
Latinne and Decaestecker (2002, Neural Computation 14, 21), equations 2.4 and 2.9.
"""

from collections.abc import Mapping, Sequence

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from twinlens.errors import UserError, unknown
from twinlens.evaluation.confusion import confusion_matrix, support
from twinlens.evaluation.metrics import METRICS
from twinlens.types import Rows

Prevalence = Float[ndarray, " class"]
"""A fraction for each class; the sum is 1."""

_TOLERANCE = 1e-6
_STEPS = 2_000


def adapt(
    probabilities: Float[ndarray, "image class"], before: Prevalence, after: Prevalence
) -> Float[ndarray, "image class"]:
    """Return the probabilities of a model for another prevalence: p times after / before.

    Args:
        probabilities: Calibrated probabilities, shape (image, class).
        before: Prevalence that they assume, such as that of the training images.
        after: Prevalence where the model is used. A class that the training lacked keeps 0.

    Raises:
        UserError: A prevalence is not one, or every class that the training has gets 0.
    """
    check_prevalence(before, probabilities.shape[1])
    check_prevalence(after, probabilities.shape[1])
    weighted = probabilities * np.divide(after, before, out=np.zeros_like(after), where=before > 0)
    total = weighted.sum(axis=1, keepdims=True)
    if (total <= 0).any():
        raise UserError(
            f"The prevalence gives 0 to all that is predicted of {int((total <= 0).sum())} images: "
            "give each class that may occur a small fraction."
        )
    adapted: Float[ndarray, "image class"] = weighted / total
    return adapted


def estimate_prevalence(
    probabilities: Float[ndarray, "image class"],
    before: Prevalence,
    weights: Float[ndarray, "resample image"] | None = None,
) -> Float[ndarray, "resample class"]:
    """Estimate the prevalence of each class among images without labels, by EM.

    It is the prevalence that makes the predictions most likely. It relies on calibrated
    probabilities, and on a shift of the prevalence alone.

    Args:
        probabilities: Predictions of these images, shape (image, class).
        before: Prevalence that they assume.
        weights: How often each image counts, in each resample; None for each once.

    Raises:
        UserError: There are no images, or `before` is no prevalence.
    """
    if not len(probabilities) or not np.isfinite(probabilities).all():
        raise UserError("An estimate of prevalence needs images with finite probabilities.")
    start = check_prevalence(before, probabilities.shape[1])
    w = np.ones((1, len(probabilities))) if weights is None else weights
    w = w / w.sum(axis=1, keepdims=True)
    result = np.repeat(start[None], len(w), axis=0)
    moving = np.arange(len(w))  # resamples that go on
    for _ in range(_STEPS):
        now = result[moving]
        ratio = np.divide(now, start, out=np.zeros_like(now), where=start > 0)
        result[moving] = ratio * ((w[moving] / (ratio @ probabilities.T)) @ probabilities)
        moving = moving[np.abs(result[moving] - now).max(axis=1) >= _TOLERANCE]
        if not len(moving):
            break
    return result


def metrics_at(
    labels: Rows, predicted: Rows, prevalence: Prevalence
) -> tuple[dict[str, float | None], list[int]]:
    """Return the metrics of a confusion matrix as if test images had another prevalence.

    An image of a class counts for wanted / present images, as in a stratified survey.

    Args:
        labels: Class number of each image, shape (image,).
        predicted: Its predicted class.
        prevalence: The wanted prevalence.

    Returns:
        The metrics, None where undefined, and the numbers of the wanted classes that no image is
        of: what they describe is then the prevalence among the other classes.

    Raises:
        UserError: It is no prevalence, or no image is of a class that it wants.
    """
    classes = len(prevalence)
    check_prevalence(prevalence, classes)
    confusion = confusion_matrix(labels, predicted, classes)
    images = support(confusion)
    absent = np.flatnonzero((images == 0) & (prevalence > 0)).tolist()
    weights = np.divide(prevalence, images, out=np.zeros(classes), where=images > 0)
    if not weights.any():
        raise UserError("There is no test image of any class to which the prevalence gives more "
                        "than 0: choose another prevalence.")  # fmt: skip
    weighted = confusion * weights[:, None] / weights.sum()
    values = {name: float(of(weighted)) for name, m in METRICS.items() if (of := m.of_confusion)}
    return {name: x if np.isfinite(x) else None for name, x in values.items()}, absent


def wanted_prevalence(
    wanted: Mapping[str, float], classes: Sequence[str], otherwise: Prevalence
) -> Prevalence:
    """Return the prevalence of every class from that of some; the others keep their proportions.

    Args:
        wanted: Fraction of each class that is named.
        classes: Names of all classes.
        otherwise: Prevalence that says in which proportions the others share the rest.

    Raises:
        UserError: A class is unknown, a fraction is not between 0 and 1, or they are more than 1.
    """
    for name, fraction in wanted.items():
        if name not in classes:
            raise unknown("class", name, classes)
        if not 0 <= fraction <= 1:
            raise UserError(f"The prevalence {fraction:g} of {name} is not between 0 and 1.")
    named = np.array([name in wanted for name in classes])
    rest = 1 - sum(wanted.values())
    others = np.where(named, 0, otherwise)
    if rest < -1e-6 or (rest > 1e-6 and not others.any()):
        raise UserError(
            f"The prevalences add up to {sum(wanted.values()):g}: name fractions whose sum is 1, "
            "or less where other classes share the rest."
        )
    share = max(rest, 0.0) * others / (others.sum() or 1)
    result = np.array([wanted.get(name, of) for name, of in zip(classes, share, strict=True)])
    normalised: Prevalence = result / result.sum()
    return normalised


def check_prevalence(prevalence: Prevalence, classes: int) -> Prevalence:
    """Return a prevalence that is one.

    Raises:
        UserError: It has another number of classes, a negative fraction, or not the sum 1.
    """
    x = np.asarray(prevalence, dtype=np.float64)
    if x.shape != (classes,) or not (x >= 0).all() or not abs(x.sum() - 1) <= 1e-6:
        raise UserError(
            f"A prevalence is a fraction for each of the {classes} classes with the sum 1, "
            f"not {x.round(4).tolist()}."
        )
    return x
