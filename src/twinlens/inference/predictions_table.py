"""Tables of predictions."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from jaxtyping import Bool
from numpy import ndarray

from twinlens.data.dataset import Dataset
from twinlens.inference.test_time import Probabilities
from twinlens.parquet import AGAIN, read_table
from twinlens.types import Rows

PREDICTIONS = "predictions.parquet"


def predictions_table(
    dataset: Dataset,
    rows: Rows,
    split: str | Sequence[str],
    probabilities: Probabilities,
    classes: Sequence[str],
) -> pd.DataFrame:
    """Arrange predictions for `PREDICTIONS`, the file that runs and evaluations store.

    Args:
        dataset: The data set of the images.
        rows: Row number of each image, shape (image,).
        split: The part of the split that all of them, or each of them, belong to.
        probabilities: Shape (image, class).
        classes: The class of each column of `probabilities`.

    Returns:
        Columns id, label, group, split, and ``p_<class>`` for each class.
    """
    known = dataset.table[["id", "label", "group"]].iloc[rows].reset_index(drop=True)
    columns = [f"p_{name}" for name in classes]
    return known.assign(split=split).join(pd.DataFrame(probabilities, columns=columns))


def read_predictions(folder: Path, *, mend: str = AGAIN) -> pd.DataFrame:
    """Read the predictions that a run or an evaluation has stored.

    Args:
        folder: Of the run or the evaluation.
        mend: What to do where the file is damaged, for the error.

    Raises:
        UserError: The file is missing or damaged.
    """
    columns, names = ("id", "label", "group", "split"), ("id", "group", "split")
    return read_table(folder / PREDICTIONS, columns, names=names, mend=mend)


def averaged(tables: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """Average the probabilities of the same images by several models, as an ensemble does.

    Args:
        tables: See `predictions_table`.

    Returns:
        The first table, with the mean of all.
    """
    columns = tables[0].filter(regex="^p_").columns
    indexed = [table.set_index("id") for table in tables]
    mean = np.mean([table.loc[tables[0]["id"], columns].to_numpy() for table in indexed], axis=0)
    return tables[0].assign(**dict(zip(columns, mean.T, strict=True)))


def unless(broken: Bool[ndarray, " image"], values: Sequence[object]) -> pd.Series:
    """Return a column of values, None for broken images."""
    kept = [None if bad else value for value, bad in zip(values, broken, strict=True)]
    return pd.Series(kept, dtype=object)
