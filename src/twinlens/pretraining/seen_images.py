"""The images that a pretraining saw, by which it is recognised whether it saw those of another set.

The hash of a data set changes with the size of its images, those of the photographs hardly do.
"""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd
from jaxtyping import Bool, UInt64
from numpy import ndarray

from twinlens.console import say
from twinlens.data.dataset import Dataset
from twinlens.data.hashing import grey, long_hash
from twinlens.data.splits import Split
from twinlens.parquet import read_table
from twinlens.records.weights import HeldOutPart, InitialWeights
from twinlens.types import Rows

SEEN = "seen_images.parquet"
"""Columns: ``data_hash`` of the data set, ``id`` in it, and ``hash``, 32 bytes."""

_FIRST, _MOST = 8, 24
"""Bits in which hashes of one photograph may differ: of the first 64, and of all 256.

The hashes of 4,000 dermatoscopic images at 32 and at 128 pixels differ in at most 20 bits; those of
different photographs in 126 on average, and in 64 or fewer once in 100,000 pairs.
"""

_BATCH = 1000


def describe_images(data: Dataset, rows: Rows) -> pd.DataFrame:
    """Return a table of `SEEN` for some images of a data set."""
    hashes = [row.tobytes() for row in _hashes(data, rows)]
    ids = data.table["id"].iloc[rows].to_numpy()
    return pd.DataFrame({"data_hash": data.hash, "id": ids, "hash": hashes})


def read_seen(folder: Path) -> pd.DataFrame | None:
    """Read the table beside an encoder; None where it was passed on without.

    Raises:
        UserError: The file is damaged.
    """
    path = folder / SEEN
    if not path.is_file():
        return None
    unknown = "without knowing whether the pretraining saw these images"
    return read_table(
        path, ("data_hash", "id", "hash"), mend=f"restore it, or delete it to go on {unknown}"
    )


def recognised(data: Dataset, rows: Rows, seen: pd.DataFrame) -> Bool[ndarray, " row"]:
    """Return which images of a data set are among those that were seen, at whatever size.

    Args:
        data: The data set.
        rows: Rows to look at.
        seen: A table of `SEEN`.
    """
    known = np.frombuffer(b"".join(seen["hash"]), dtype=np.uint64).reshape(-1, 4)
    found = np.zeros(len(rows), dtype=bool)
    for place, image in enumerate(_hashes(data, rows)):
        near = known[np.bitwise_count(known[:, 0] ^ image[0]) <= _FIRST]
        found[place] = (np.bitwise_count(near ^ image).sum(axis=1) <= _MOST).any()
    return found


def look_for_seen(
    initial: InitialWeights, folder: Path, data: Dataset, split: Split
) -> InitialWeights:
    """Say which held-out images the weights' pretrainings saw in other data sets, and record it.

    Args:
        initial: The weights.
        folder: Where their file lies.
        data: The data set in use.
        split: Its split in use.

    Returns:
        The weights; transductive, if any image was recognised.
    """
    seen = read_seen(folder) if initial.history else None
    if seen is None:
        return initial
    elsewhere = seen[~seen["data_hash"].isin(data.lineage)]
    if not len(elsewhere):
        return initial
    counts: dict[HeldOutPart, int] = {
        part: int(recognised(data, split.rows[part], elsewhere).sum()) for part in ("val", "test")
    }
    if not any(counts.values()):
        return initial
    say(_sentence(counts, split))
    sets = {*elsewhere["data_hash"]}
    history = (
        seen_there.model_copy(update={"transductive": True})
        if seen_there.data_hash in sets
        else seen_there
        for seen_there in initial.history
    )
    return initial.model_copy(update={"history": tuple(history), "recognised": counts})


def _sentence(counts: Mapping[HeldOutPart, int], split: Split) -> str:
    parts = {"val": "validation", "test": "test"}
    numbers = (f"{n:,} of the {len(split.rows[p]):,} {parts[p]}" for p, n in counts.items())
    return (
        f"WARNING: In another data set, a pretraining of these weights saw {' and '.join(numbers)} "
        "images, perhaps at another size (recognised by their hashes)."
    )


def _hashes(data: Dataset, rows: Rows) -> UInt64[ndarray, "row 4"]:
    batches = (rows[start : start + _BATCH] for start in range(0, len(rows), _BATCH))
    hashes = [long_hash(grey(data.images[batch])) for batch in batches]
    return np.concatenate([np.empty((0, 4), dtype=np.uint64), *hashes])
