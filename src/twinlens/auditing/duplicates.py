"""Exact duplicates and near-duplicates: encoded anew, resized, recoloured, mirrored or cropped.

Perceptual hashes of several views of each image propose pairs (`hamming`), and the correlation of
the fine structure of both pictures decides (`correlation`). The threshold was set on 10,644
dermatoscopic images, above the last pair of different lesions, and is the same for every data set.
"""

import hashlib
from collections.abc import Sequence

import numpy as np
import pandas as pd
from jaxtyping import Float, UInt64
from numpy import ndarray

from twinlens.auditing.correlation import SIDE, structure
from twinlens.auditing.hamming import Found, HammingIndex
from twinlens.auditing.hashing import VIEWS, View, grey, perceptual_hash
from twinlens.console import progress
from twinlens.records.audit import Detector
from twinlens.types import PackedImages, Rows

HASH_RADIUS = 8
"""Bits of 64 in which the hashes of a proposed pair may differ."""

MIN_CORRELATION = 0.6
"""Correlation of fine structure from which two pictures count as copies of one photograph."""

LINKS = ["a", "b", "found_by", "score", "transformation"]
"""Columns of a table of links: two row numbers, and as in `records.audit.Link`."""

Images = tuple[PackedImages, Rows]
"""A pack, and the rows of it that are meant."""

_AT_ONCE = 1000  # images, or proposed pairs, in memory at a time


def exact_duplicates(images: PackedImages) -> pd.DataFrame:
    """Link each image to the first one that has exactly its pixels.

    Args:
        images: The pack, shape (image, size, size, 3).

    Returns:
        A table of `LINKS`.
    """
    digests = np.empty(len(images), dtype="S16")
    with progress("Looking for exact duplicates", len(images)) as show:
        for row, image in enumerate(images):
            digests[row] = hashlib.blake2b(image.tobytes(), digest_size=16).digest()
            show(row + 1, "images")
    _, first, which = np.unique(digests, return_index=True, return_inverse=True)
    original = first[which]
    copies = np.flatnonzero(original != np.arange(len(images)))
    return links_table(original[copies], copies, "pixels", 1.0, "")


def near_duplicates(
    images: PackedImages,
    rows: Rows,
    *,
    others: Images | None = None,
    radius: int = HASH_RADIUS,
    threshold: float = MIN_CORRELATION,
) -> pd.DataFrame:
    """Link images that show the same photograph, within a data set or between two.

    Args:
        images: The pack, shape (image, size, size, 3).
        rows: Rows to compare, without exact duplicates.
        others: Another pack, of images of any size, and the rows to compare these with instead.
        radius: Bits in which the hashes of a proposed pair may differ.
        threshold: Correlation from which a proposed pair is linked.

    Returns:
        A table of `LINKS`, each pair once, with the view in which it correlates most. Between two
        packs, ``a`` is the row in `images` and ``b`` that in `others`.
    """
    within, seen = others is None, (images, rows)
    whole = others or seen
    if not len(rows) or not len(whole[1]):
        return links_table([], [], "hash", [], "")
    hashes = _hashes(*seen, VIEWS)
    index = HammingIndex(hashes[:, 0] if within else _hashes(*whole, VIEWS[:1])[:, 0])
    parts = []
    with progress("Looking for near-duplicates", len(VIEWS)) as show:
        for number, view in enumerate(VIEWS):
            found = index.within(hashes[:, number], radius)
            if within:
                found = found[found[:, 0] != found[:, 1]]
            scores = _correlations(seen, whole, found, view)
            sure = scores >= threshold
            a, b = rows[found[sure, 0]], whole[1][found[sure, 1]]
            parts.append(links_table(a, b, "hash", scores[sure], str(view)))
            show(number + 1, "views")
    links = pd.concat(parts, ignore_index=True)
    if within:
        links[["a", "b"]] = np.sort(links[["a", "b"]].to_numpy(), axis=1)
    links = links.sort_values("score", ascending=False, kind="stable").drop_duplicates(["a", "b"])
    return links.sort_values(["a", "b"]).reset_index(drop=True)


def links_table(
    a: object, b: object, found_by: Detector, score: object, transformation: str
) -> pd.DataFrame:
    """Return a table of `LINKS`."""
    columns = dict(zip(LINKS, (a, b, found_by, score, transformation), strict=True))
    return pd.DataFrame(columns).astype({"a": "int64", "b": "int64", "score": "float64"})


def _hashes(images: PackedImages, rows: Rows, views: Sequence[View]) -> UInt64[ndarray, "row view"]:
    hashes = np.empty((len(rows), len(views)), dtype=np.uint64)
    with progress("Hashing", len(rows)) as show:
        for start in range(0, len(rows), _AT_ONCE):
            some = slice(start, start + _AT_ONCE)
            batch = grey(images[rows[some]])
            for number, view in enumerate(views):
                hashes[some, number] = perceptual_hash(batch, view)
            show(start + len(batch), "images")
    return hashes


def _correlations(seen: Images, whole: Images, found: Found, view: View) -> Float[ndarray, " pair"]:
    """Return the correlation of each proposed pair: a view of the one, the whole of the other."""
    side = min(SIDE, seen[0].shape[1], whole[0].shape[1])
    scores = np.empty(len(found), dtype=np.float32)
    for start in range(0, len(found), _AT_ONCE):
        some = slice(start, start + _AT_ONCE)
        queries, query = np.unique(found[some, 0], return_inverse=True)
        members, member = np.unique(found[some, 1], return_inverse=True)
        views = structure(grey(seen[0][seen[1][queries]]), view, side)
        wholes = structure(grey(whole[0][whole[1][members]]), side=side)
        scores[some] = np.einsum("pk,pk->p", views[query], wholes[member])
    return scores
