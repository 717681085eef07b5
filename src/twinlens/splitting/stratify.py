"""Dividing groups of images at random, class by class.

A group (a lesion, a patient) always stays whole. Where its images carry several labels, it
counts for the one that the fewest groups have: its stratum. So every group has one stratum, and
rare classes are assigned first.
"""

import heapq
from collections.abc import Iterator, Sequence

import numpy as np
import pandas as pd
from jaxtyping import Bool, Int
from numpy import ndarray

from twinlens.errors import UserError

PARTS = ("train", "test", "val")
"""What groups are assigned to. Where a class has too few groups for all, the first ones get one."""

TRAIN, TEST, VAL = range(3)

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
        One row for each pair of group and label: ``group``, ``label``, ``stratum`` of the group,
        ``images``, the number of the group's labelled images, and ``of_label``, how many of them
        have this label.
    """
    sizes = pd.DataFrame({"group": groups, "label": labels}).groupby(["group", "label"]).size()
    pairs = sizes.rename("of_label").reset_index()
    pairs["images"] = pairs.groupby("group")["of_label"].transform("sum")
    pairs["rarity"] = pairs.groupby("label")["group"].transform("size")
    pairs["place"] = place[pairs["group"]]
    pairs = pairs.sort_values(["rarity", "label", "place"])
    pairs["stratum"] = pairs.groupby("group")["label"].transform("first")
    return pairs[["group", "label", "stratum", "images", "of_label"]].reset_index(drop=True)


def allocate(pairs: pd.DataFrame, count: int, *, val: float, test: float) -> Int[ndarray, " group"]:
    """Assign whole groups to `PARTS`, stratum by stratum.

    A group goes where the middle of its images falls along its stratum, so that a part misses its
    share by at most half a group. Then a part that lacks the class is given one group of it.

    Args:
        pairs: From `stratify`.
        count: Number of groups, those without any label included: they stay in train.
        val: Share of the labelled images for validation.
        test: Share of the labelled images for test.

    Returns:
        The part of each group as an index of `PARTS`.
    """
    parts = np.zeros(count, dtype=np.int64)
    for _, having, own in _classes(pairs):
        _allocate_shares(parts, having, own, val, test)
    return parts


def missing_class_notes(
    pairs: pd.DataFrame,
    parts: Int[ndarray, " group"],
    wanted: Sequence[int],
    classes: Sequence[str],
    among: str = "images",
) -> list[str]:
    """Return a sentence for each class that is not in every wanted part.

    Args:
        pairs: From `stratify`.
        parts: From `allocate`.
        wanted: Those of `PARTS`, as indices, in which every class should be.
        classes: Class names.
        among: What was split.

    Raises:
        UserError: A class got no group in train.
    """
    notes = []
    for label, having, _ in _classes(pairs):
        held = np.bincount(parts[having["group"]], minlength=len(PARTS))
        missing = [PARTS[part] for part in wanted if not held[part]]
        if missing:
            number = f"{len(having)} group{'s' * (len(having) > 1)}"
            notes.append(
                f"Class '{classes[label]}' is in {number} of {among} only: "
                f"none of it in {' and '.join(missing)}."
            )
        if "train" in missing:
            raise UserError(f"{notes[-1]} Its groups hold other labels too: try another --seed.")
    return notes


def allocate_counts(
    pairs: pd.DataFrame,
    count: int,
    wanted: Sequence[Sequence[int]],
    free: Bool[ndarray, " group"],
) -> tuple[Int[ndarray, " group"], list[int]]:
    """Assign whole groups to train and val until they hold so many images of each class.

    The last group of a class may bring more images than are wanted; the rest is test. A class
    that cannot have these counts, with an image left for test, is assigned by their shares instead.

    Args:
        pairs: From `stratify`.
        count: Number of groups, those without any label included: they stay in train.
        wanted: For each class its images in train, val and test.
        free: Which groups may go to train and val.

    Returns:
        The part of each group as an index of `PARTS`, and the classes assigned by shares.
    """
    parts = np.zeros(count, dtype=np.int64)
    short = []
    for label, having, own in _classes(pairs):
        parts[own["group"]] = TEST
        own_free = own[free[own["group"]]]
        for part, number in zip((TRAIN, VAL), wanted[label], strict=False):
            placed = having["of_label"][parts[having["group"]] == part].sum()
            left = own_free[parts[own_free["group"]] == TEST]
            before = placed + left["of_label"].cumsum() - left["of_label"]
            parts[left["group"][before < number]] = part
        held = np.bincount(parts[having["group"]], having["of_label"], minlength=len(PARTS))
        train, val, test = wanted[label]
        if held[TRAIN] < train or held[VAL] < val or held[TEST] < 1:
            short.append(label)
            images = own_free["of_label"].sum()
            scale = min(1, own["of_label"].sum() / (train + val + test), images / (train + val))
            if images:
                val_share, train_share = scale * val / images, scale * train / images
                _allocate_shares(parts, having, own_free, val_share, 1 - val_share - train_share)
    return parts, short


def allocate_folds(
    pairs: pd.DataFrame, count: int, folds: int, random: np.random.Generator
) -> Int[ndarray, " group"]:
    """Assign whole groups to folds, stratum by stratum.

    The largest groups go first, each to the fold with the fewest images of the class so far; so a
    class is in every fold, or in as many as it has groups of its stratum.

    Returns:
        The fold of each group, from 0; -1 for groups without any label.
    """
    fold_of_group = np.full(count, -1)
    total = np.zeros(folds)
    for _, having, own in _classes(pairs):
        dealt = having[fold_of_group[having["group"]] >= 0]
        load = np.bincount(fold_of_group[dealt["group"]], dealt["of_label"], minlength=folds)
        rank = np.argsort(np.lexsort((random.permutation(folds), total)))
        heap = sorted(zip(load.tolist(), rank.tolist(), range(folds), strict=True))
        own = own.sort_values("of_label", ascending=False, kind="stable")
        chosen = []
        for images in own["of_label"].tolist():
            least, order, fold = heap[0]
            chosen.append(fold)
            heapq.heapreplace(heap, (least + images, order, fold))
        fold_of_group[own["group"]] = chosen
        total += np.bincount(fold_of_group[own["group"]], own["images"], minlength=folds)
    return fold_of_group


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


def rank_in_class(
    labels: Int[ndarray, " row"], order: Int[ndarray, " row"]
) -> Int[ndarray, " row"]:
    """Return how many images of its class come before each image in a given order."""
    ordered = pd.Series(labels).iloc[np.argsort(order, kind="stable")]
    return ordered.groupby(ordered).cumcount().sort_index().to_numpy()


def _classes(pairs: pd.DataFrame) -> Iterator[tuple[int, pd.DataFrame, pd.DataFrame]]:
    """Yield each class, the rarest first: its label, its pairs, and those of its own stratum."""
    for label in pairs["label"].unique():
        having = pairs[pairs["label"] == label]
        yield int(label), having, having[having["stratum"] == label]


def _allocate_shares(
    parts: Groups, having: pd.DataFrame, own: pd.DataFrame, val: float, test: float
) -> None:
    middle = own["images"].cumsum() - own["images"] / 2
    edges = own["images"].sum() * np.array([1 - val - test, 1 - val])
    parts[own["group"]] = np.searchsorted(edges, middle, side="right")
    for part, wanted in ((TRAIN, 1.0), (TEST, test), (VAL, val)):
        if wanted > 0:
            _ensure_class(part, parts, having["group"].to_numpy(), own["group"].to_numpy())


def _ensure_class(part: int, parts: Groups, having: Groups, own: Groups) -> None:
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
