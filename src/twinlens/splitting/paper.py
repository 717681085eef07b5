"""The paper's split of ISIC-2019: Table 1's counts, drawn by three presets from the table alone.

``paper-code`` draws train and val where the authors' code must have found them, ``paper`` from
all images, both image by image; ``recommended`` draws whole groups, so that nothing is on two
sides.
"""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from twinlens.data.dataset import Dataset
from twinlens.data.groups import groups_of, links_of
from twinlens.errors import UserError
from twinlens.seeds import generator
from twinlens.splitting.assignment import Assignment
from twinlens.splitting.stratify import PARTS, allocate_counts, rank_in_class, stratify

PRESETS = ("recommended", "paper", "paper-code")

TABLE_1: Mapping[str, tuple[int, int, int]] = {
    "AK": (306, 63, 498),
    "BCC": (500, 274, 2549),
    "BKL": (467, 110, 1663),
    "DF": (55, 11, 173),
    "MEL": (500, 309, 3339),
    "NV": (500, 458, 10601),
    "SCC": (171, 43, 414),
    "VASC": (55, 12, 186),
}
"""Images of each class in train, val and test: Table 1 of Haggerty and Chandra (arXiv 2401.00692);
the number for validation is from their public code, which also leaves out `DOWNSAMPLED`."""

BCN = (53454, 73254)
"""First and last number of the ids of BCN_20000 in ISIC-2019's table. The authors' code takes the
first files in directory order; its counts leave little doubt that they were these."""

NUMBER = r"(?:^|[/\\])ISIC_(\d+)(?:\.\w+)?$"
DOWNSAMPLED = r"_downsampled(?:\.\w+)?$"


def draw_preset(dataset: Dataset, preset: str, seed: int) -> tuple[Assignment, list[str]]:
    """Draw the paper's split.

    Args:
        dataset: ISIC-2019, or images with the same class names.
        preset: One of `PRESETS`.
        seed: Seed of the draw.

    Returns:
        Where each image goes, and sentences on counts that cannot be met.

    Raises:
        UserError: There is no image to draw.
    """
    counted = in_table(dataset.table)
    if not counted.any():
        raise UserError(
            f"{dataset.path} has no image of the classes {', '.join(TABLE_1)}, so --preset "
            f"{preset} has nothing to draw: split it by shares, with --val and --test."
        )
    numbers = {name: number for number, name in enumerate(TABLE_1)}
    labels = dataset.table["label"].map(numbers).where(counted, -1).to_numpy(dtype=np.int64)
    groups, count = _groups(dataset, preset)
    place = generator(seed, "split", preset).permutation(count)
    pairs = stratify(labels[counted], groups[counted], place)
    free = _free(dataset, preset, count)
    parts, short = allocate_counts(pairs, count, list(TABLE_1.values()), free)
    short += np.setdiff1d(np.arange(len(TABLE_1)), pairs["label"]).tolist()
    split = np.array(PARTS, dtype=object)[parts[groups]]
    excess = _excess_rows(split, labels, place[groups], short)
    split[excess] = None
    split[~counted & (split != "train")] = None
    split[~counted & (split == "train")] = "unlabelled"
    notes = _shortages(split, labels, short)
    if preset == "recommended":
        return split, [*notes, *_leakage(dataset, split, groups, len(excess))]
    split[_downsampled(dataset.table)] = None
    return split, notes


def in_table(table: pd.DataFrame) -> np.ndarray:
    """Return which images Table 1 counts: those of its classes that are not downsampled copies."""
    counted: np.ndarray = table["label"].isin(TABLE_1).to_numpy() & ~_downsampled(table)
    return counted


def _downsampled(table: pd.DataFrame) -> np.ndarray:
    return np.asarray(table["id"].str.contains(DOWNSAMPLED), dtype=bool)


def _groups(dataset: Dataset, preset: str) -> tuple[np.ndarray, int]:
    if preset != "recommended":
        return np.arange(len(dataset.table)), len(dataset.table)
    groups, names = pd.factorize(groups_of(dataset), sort=True)
    return groups, len(names)


def _free(dataset: Dataset, preset: str, count: int) -> np.ndarray:
    """Return which groups may be trained on."""
    if preset != "paper-code":
        return np.ones(count, dtype=bool)
    numbers = dataset.table["id"].str.extract(NUMBER, expand=False).astype(float)
    free = numbers.between(*BCN).to_numpy()
    if not free.any():
        first, last = (f"ISIC_{number:07}" for number in BCN)
        raise UserError(
            f"{dataset.path} has no id from {first} to {last}, from which --preset paper-code "
            "draws train and val: take --preset paper or recommended."
        )
    return free


def _excess_rows(
    split: Assignment, labels: np.ndarray, order: np.ndarray, short: list[int]
) -> np.ndarray:
    """Return the images of train and val beyond Table 1's counts, for classes that have them."""
    excess = []
    for column, part in enumerate(("train", "val")):
        limits = np.array([counts[column] for counts in TABLE_1.values()])
        limits[short] = len(split)
        rows = np.flatnonzero((split == part) & (labels >= 0))
        excess.append(rows[rank_in_class(labels[rows], order[rows]) >= limits[labels[rows]]])
    return np.concatenate(excess)


def _shortages(split: Assignment, labels: np.ndarray, short: list[int]) -> list[str]:
    names = list(TABLE_1)
    notes = []
    for label in sorted(short):
        train, val, test = TABLE_1[names[label]]
        notes.append(
            f"Table 1's counts for '{names[label]}' ({train} train, {val} val, {test} test) cannot "
            "be had: there are too few images, so its proportions are kept as far as they go."
        )
    tested = int(((split == "test") & (labels >= 0)).sum())
    wanted = sum(test for _, _, test in TABLE_1.values())
    if tested != wanted:
        notes.append(f"Test is what remains: {tested:,} images, where Table 1 has {wanted:,}.")
    return notes


def _leakage(dataset: Dataset, split: Assignment, groups: np.ndarray, dropped: int) -> list[str]:
    test, seen = split == "test", np.isin(split, ["train", "val", "unlabelled"])
    shared = int(np.isin(groups[test], groups[seen]).sum())
    notes = [
        f"{shared} test images share a group with training or validation images; {dropped} "
        "siblings of those did not fit Table 1's counts and were dropped."
    ]
    if links_of(dataset) is None:
        notes.append("Near-duplicates were not looked for: run 'twinlens audit' first.")
    return notes
