"""What a metric is: a number for a set of labelled and predicted images."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from twinlens.evaluation.confusion import Confusion
from twinlens.types import Rows

Values = Float[ndarray, "*any"] | np.float64
"""A metric of each confusion matrix, or of a single one."""

OfConfusion = Callable[[Confusion], Values]
OfProbabilities = Callable[[Rows, Float[ndarray, "image class"]], float]
OfWeights = Callable[
    [Rows, Float[ndarray, "image class"], Float[ndarray, "resample image"]],
    Float[ndarray, " resample"],
]


@dataclass(frozen=True)
class Metric:
    """A metric and its names. It has one of the first two functions.

    Attributes:
        title: Name as a heading has it, such as "Balanced accuracy".
        words: Name within a sentence, such as "balanced accuracy".
        of_confusion: Computes it from confusion matrices (rows are true classes), one value for
            each. Intervals of such a metric hold for other test images too.
        of_probabilities: Computes it from labels, shape (image,), and probabilities, shape
            (image, class); NaN where it is undefined.
        of_weights: Computes a metric of probabilities for many weightings of the images at once,
            shape (resample, image), as intervals need it. Without it they repeat images and call
            `of_probabilities` for each resample, which takes longer.
        higher_is_better: Whether a higher value is better.
        main: Whether the tables of a study show it; the others are in its files.
    """

    title: str
    words: str
    of_confusion: OfConfusion | None = None
    of_probabilities: OfProbabilities | None = None
    of_weights: OfWeights | None = None
    higher_is_better: bool = True
    main: bool = True

    def __post_init__(self) -> None:
        if (self.of_confusion is None) == (self.of_probabilities is None):
            raise ValueError(f"'{self.title}' needs of_confusion or of_probabilities, not both.")

    @property
    def sign(self) -> int:
        """1 where higher is better, else -1: a value times this is better when it is higher."""
        return 1 if self.higher_is_better else -1
