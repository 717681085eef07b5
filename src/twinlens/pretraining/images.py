"""Which images a pretraining sees; their labels are never looked at."""

from collections.abc import Callable

import numpy as np

from twinlens.data.splits import Split, unlabelled_rows
from twinlens.types import Rows

IMAGES: dict[str, Callable[[Split], Rows]] = {
    "all": lambda split: np.sort(np.concatenate([*split.rows.values()])),
    "train": lambda split: split.rows["train"],
    "unlabelled": unlabelled_rows,
}
"""`titles.SEEN` says in words what each is; all is transductive."""
