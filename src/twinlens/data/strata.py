"""Dividing groups of images at random, class by class.

A group (a lesion, a patient) is never torn apart. Where its images carry several labels, it
counts for the one that the fewest groups have: its stratum. So every group has one stratum, and
rare classes are dealt out first.
"""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from jaxtyping import Int
from numpy import ndarray

from twinlens.errors import UserError

PARTS = ("train", "test", "val")
"""What groups are dealt to. Where a class has too few groups for all, the first ones get them."""

Groups = Int[ndarray, " row"]


def stratify(
    labels: Int[ndarray, " row"], groups: Groups, place: Int[ndarray, " group"]
) -> pd.DataFrame:
    """List the classes that each group holds, rarest class first, then in the drawn order.

    Args:
        labels: Class number of each labelled image, shape (row,).
        groups: Number of its group, shape (row,).
        place: Place of each group in a random order, shape (group,).

    Returns:
        A row for each pair of group and label: ``group``, ``label``, ``stratum`` of the group and
        ``images``, the number of the group's labelled images.
    """
    sizes = pd.DataFrame({"group": groups, "label": labels}).groupby(["group", "label"]).size()
    pairs = sizes.rename("images").reset_index()
    pairs["images"] = pairs.groupby("group")["images"].transform("sum")
    pairs["rarity"] = pairs.groupby("label")["group"].transform("size")
    pairs["place"] = place[pairs["group"]]
    pairs = pairs.sort_values(["rarity", "label", "place"])
    pairs["stratum"] = pairs.groupby("group")["label"].transform("first")
    return pairs[["group", "label", "stratum", "images"]].reset_index(drop=True)


def deal(
    pairs: pd.DataFrame, count: int, *, val: float, test: float, classes: Sequence[str]
) -> tuple[Int[ndarray, " group"], list[str]]:
    """Deal whole groups to `PARTS`, stratum by stratum.

    A group goes where the middle of its images falls along its stratum, so that a part misses its
    share by at most half a group. Then a part that lacks the class is given one group of it.

    Args:
        pairs: From `stratify`.
        count: Number of groups, those without any label included: they stay in train.
        val: Share of the labelled images for validation.
        test: Share of the labelled images for test.
        classes: Class names, for the sentences.

    Returns:
        The part of each group as an index of `PARTS`, and a sentence for each class that could
        not be had in every part.

    Raises:
        UserError: A class got no group in train.
    """
    parts = np.zeros(count, dtype=np.int64)
    wanted = [part for part, share in enumerate((1.0, test, val)) if share > 0]
    notes = []
    for label in pairs["label"].unique():
        having = pairs[pairs["label"] == label]
        own = having[having["stratum"] == label]
        middle = own["images"].cumsum() - own["images"] / 2
        edges = own["images"].sum() * np.array([1 - val - test, 1 - val])
        parts[own["group"]] = np.searchsorted(edges, middle, side="right")
        for part in wanted:
            _provide(part, parts, having["group"].to_numpy(), own["group"].to_numpy())
        held = np.bincount(parts[having["group"]], minlength=len(PARTS))
        lacking = [PARTS[part] for part in wanted if not held[part]]
        if lacking:
            number = f"{len(having)} group{'s' * (len(having) > 1)}"
            notes.append(
                f"Class '{classes[label]}' is in {number} of images only: "
                f"none of it in {' and '.join(lacking)}."
            )
        if "train" in lacking:
            raise UserError(f"{notes[-1]} Its groups hold other labels too: try another --seed.")
    return parts, notes


def _provide(part: int, parts: Groups, having: Groups, own: Groups) -> None:
    """Move one of the class's own groups to `part` if no group there holds the class.

    It comes from the part that has most. The last one of a part is taken only for a part that
    comes first in `PARTS`.
    """
    held = np.bincount(parts[having], minlength=len(PARTS))
    if held[part]:
        return
    source = parts[own]
    movable = own[(held[source] > 1) | (source > part)]
    if len(movable):
        parts[movable[np.argmax(held[parts[movable]])]] = part


def share(pairs: pd.DataFrame, fraction: float) -> Groups:
    """Choose about a fraction of each stratum's images by whole groups.

    The choice for a smaller fraction lies within that for a larger one. Each class has at least
    one group; a fraction of 1 chooses every group.
    """
    own = pairs[pairs["stratum"] == pairs["label"]]
    images = own.groupby("label")["images"]
    middle = images.cumsum() - own["images"] / 2
    chosen = own["group"][middle < fraction * images.transform("sum")]
    first_of_each_class = pairs.drop_duplicates("label")["group"]
    return np.union1d(chosen, first_of_each_class)
