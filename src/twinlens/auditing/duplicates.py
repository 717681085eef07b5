"""Exact and near-duplicates: copies that were encoded anew, resized, recoloured, mirrored, cropped.

Perceptual hashes of several views of each image propose candidate pairs (`hamming`), and the
correlation of the fine structure of both images decides (`correlation`). The threshold was set on
10,644 dermatoscopic images, above the highest correlation of two different lesions, and is the
same for every data set.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from jaxtyping import Float, UInt64
from numpy import ndarray

from twinlens.auditing.correlation import SIDE, structure
from twinlens.auditing.hamming import HammingIndex, Matches
from twinlens.console import progress
from twinlens.data.hashing import VIEWS, Grey, View, grey, perceptual_hash
from twinlens.records.audit import DEFAULTS, Detector
from twinlens.types import Pack, Rows

LINKS = ["a", "b", "found_by", "score", "transformation"]
"""Columns of a table of links: two row numbers, and as in `records.audit.Link`."""

_BATCH = 1000  # images, or candidate pairs, in memory at a time


@dataclass(frozen=True, eq=False)
class Selection:
    """A pack of images, and the rows of it to use."""

    images: Pack
    rows: Rows

    def luma(self, positions: slice | Rows) -> Grey:
        """Return the grey levels of some of the selected images."""
        return grey(self.images[self.rows[positions]])


def exact_duplicates(images: Pack) -> pd.DataFrame:
    """Link each image to the first one that has exactly its pixels.

    Args:
        images: The pack, shape (image, size, size, 3).

    Returns:
        A table of `LINKS`.
    """
    digests = np.empty(len(images), dtype="S16")
    with progress("Searching for exact duplicates", len(images)) as show:
        for row, image in enumerate(images):
            digests[row] = hashlib.blake2b(image.tobytes(), digest_size=16).digest()
            show(row + 1, "images")
    _, first, inverse = np.unique(digests, return_index=True, return_inverse=True)
    original = first[inverse]
    copies = np.flatnonzero(original != np.arange(len(images)))
    return links_table(original[copies], copies, "pixels", 1.0, "")


def near_duplicates(
    images: Pack,
    rows: Rows,
    *,
    others: Selection | None = None,
    radius: int = DEFAULTS.hash_radius,
    threshold: float = DEFAULTS.min_correlation,
) -> pd.DataFrame:
    """Link images that show the same photograph, within a data set or between two.

    Args:
        images: The pack, shape (image, size, size, 3).
        rows: Rows to compare, without exact duplicates.
        others: Images to compare them with instead, of any size.
        radius: See `AuditSettings.hash_radius`.
        threshold: See `AuditSettings.min_correlation`.

    Returns:
        A table of `LINKS`, each pair once, with the view of highest correlation. Between two
        packs, ``a`` is the row in `images` and ``b`` that in `others`.
    """
    queries = Selection(images, rows)
    indexed = others or queries
    if not len(rows) or not len(indexed.rows):
        return links_table([], [], "hash", [], "")
    hashes = _hashes(queries, VIEWS)
    index = HammingIndex(hashes[:, 0] if others is None else _hashes(indexed, VIEWS[:1])[:, 0])
    parts = []
    with progress("Searching for near-duplicates", len(VIEWS)) as show:
        for number, view in enumerate(VIEWS):
            candidates = index.within(hashes[:, number], radius)
            if others is None:
                candidates = candidates[candidates[:, 0] != candidates[:, 1]]
            scores = _correlations(queries, indexed, candidates, view)
            copies = scores >= threshold
            a, b = rows[candidates[copies, 0]], indexed.rows[candidates[copies, 1]]
            parts.append(links_table(a, b, "hash", scores[copies], str(view)))
            show(number + 1, "views")
    links = pd.concat(parts, ignore_index=True)
    if others is None:
        links[["a", "b"]] = np.sort(links[["a", "b"]].to_numpy(), axis=1)
    links = links.sort_values("score", ascending=False, kind="stable").drop_duplicates(["a", "b"])
    return links.sort_values(["a", "b"]).reset_index(drop=True)


def links_table(
    a: object, b: object, found_by: Detector, score: object, transformation: str
) -> pd.DataFrame:
    """Return a table of `LINKS`."""
    columns = dict(zip(LINKS, (a, b, found_by, score, transformation), strict=True))
    return pd.DataFrame(columns).astype({"a": "int64", "b": "int64", "score": "float64"})


def _hashes(selection: Selection, views: Sequence[View]) -> UInt64[ndarray, "row view"]:
    count = len(selection.rows)
    hashes = np.empty((count, len(views)), dtype=np.uint64)
    with progress("Hashing", count) as show:
        for start in range(0, count, _BATCH):
            batch = slice(start, start + _BATCH)
            luma = selection.luma(batch)
            for number, view in enumerate(views):
                hashes[batch, number] = perceptual_hash(luma, view)
            show(start + len(luma), "images")
    return hashes


def _correlations(
    queries: Selection, indexed: Selection, candidates: Matches, view: View
) -> Float[ndarray, " match"]:
    """Return the correlation of a view of each query with the whole image that it matches."""
    side = min(SIDE, queries.images.shape[1], indexed.images.shape[1])
    scores = np.empty(len(candidates), dtype=np.float32)
    for start in range(0, len(candidates), _BATCH):
        batch = slice(start, start + _BATCH)
        query_positions, query = np.unique(candidates[batch, 0], return_inverse=True)
        indexed_positions, whole = np.unique(candidates[batch, 1], return_inverse=True)
        views = structure(queries.luma(query_positions), view, side)
        wholes = structure(indexed.luma(indexed_positions), side=side)
        scores[batch] = np.einsum("pk,pk->p", views[query], wholes[whole])
    return scores
