"""Predictions by group, such as a lesion of several photographs: the mean of its images'."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np
import pandas as pd
from jaxtyping import Float
from numpy import ndarray

from twinlens.inference.prediction_sets import names_of, sets_of
from twinlens.inference.predictions_table import unless
from twinlens.models.ensemble import read_members, read_prediction_sets
from twinlens.requests.predict import PredictRequest

T = TypeVar("T", float, bool)

_NO_IMAGE = "none of its images can be read"


@dataclass
class _Sums:
    p: Float[ndarray, " class"]
    images: int = 0
    distance: float | None = None
    unlike: bool | None = None


class GroupMeans:
    """Sums over the images of each group, beside which memory holds nothing.

    Args:
        request: What is asked for. Without temperature there are no sets.

    Raises:
        UserError: The model cannot be used.
    """

    def __init__(self, request: PredictRequest) -> None:
        model = Path(request.model)
        first, *_ = read_members(model).values()
        self._classes = first.classes
        self._thresholds = None if request.raw else read_prediction_sets(model)
        self._by_class = request.sets_by_class
        self._sums: dict[str, _Sums] = {}

    def watch(self, parts: Iterable[pd.DataFrame]) -> Iterator[pd.DataFrame]:
        """Yield the parts of a table of predictions, and add each to the sums.

        An image without a group is one of its own, called like its file.
        """
        for part in parts:
            names = part["group"].fillna(part["file"])
            p = part[[f"p_{name}" for name in self._classes]].to_numpy(np.float64)
            for name, of_image, row in zip(names, p, part.to_dict("records"), strict=True):
                sums = self._sums.setdefault(name, _Sums(np.zeros(len(self._classes))))
                if pd.isna(row["error"]):
                    sums.p += of_image
                    sums.images += 1
                    sums.distance = _largest(sums.distance, row.get("distance"))
                    sums.unlike = _largest(sums.unlike, row.get("unlike_training"))
            yield part

    def table(self) -> pd.DataFrame:
        """Return one row per group, in the order in which they came.

        Columns: group, the number of images that could be read, what the mean of their
        probabilities predicts, these, the prediction set, whether any image is unlike the training
        images, the largest distance to them, and an error if there is no image.
        """
        sums = [*self._sums.values()]
        p = np.stack([each.p for each in sums]) / [[max(each.images, 1)] for each in sums]
        broken = np.array([each.images == 0 for each in sums])
        table = pd.DataFrame({"group": [*self._sums], "images": [each.images for each in sums]})
        table["predicted"] = unless(broken, [self._classes[k] for k in p.argmax(axis=1)])
        means = pd.DataFrame(p, columns=[f"p_{name}" for name in self._classes])
        means.loc[broken] = np.nan
        table = table.join(means)
        if self._thresholds is not None:
            sets = sets_of(self._thresholds, self._classes, p, by_class=self._by_class)
            table["set"] = unless(broken, names_of(sets, self._classes))
        if any(each.unlike is not None for each in sums):
            table["unlike_training"] = pd.Series([each.unlike for each in sums], dtype=object)
        if any(each.distance is not None for each in sums):
            table["distance"] = [each.distance for each in sums]
        table["error"] = unless(~broken, [_NO_IMAGE] * len(sums))
        return table


def _largest(one: T | None, other: T | None) -> T | None:
    return max((value for value in (one, other) if value is not None), default=None)
