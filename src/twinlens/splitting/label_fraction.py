"""Label fractions: the share of the training images whose labels a run may use."""

import numpy as np
import pandas as pd

from twinlens.data.dataset import Dataset
from twinlens.data.splits import Split
from twinlens.errors import UserError
from twinlens.seeds import generator
from twinlens.splitting.stratify import share, stratify
from twinlens.types import Rows


def label_fraction(dataset: Dataset, split: Split, fraction: float, seed: int) -> Rows:
    """Return the training rows of a label fraction.

    Fractions with one seed are nested. They consist of whole groups, stratified by class, with at
    least one group per class. A fraction of 1 is all of train.

    Raises:
        UserError: The fraction is not within (0, 1].
    """
    if not 0 < fraction <= 1:
        raise UserError(f"The label fraction {fraction} must be above 0 and at most 1.")
    rows = split.rows["train"]
    groups, names = pd.factorize(dataset.table["group"].iloc[rows], sort=True)
    place = generator(seed, "label_fraction").permutation(len(names))
    chosen = share(stratify(dataset.labels[rows], groups, place), fraction)
    return rows[np.isin(groups, chosen)]
