"""Plans of splits: by shares, by the paper's table, by folds.

A plan is a split's name, how it is made, and the function that draws it: so names are checked
before anything is drawn, and everything is drawn before anything is written.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from twinlens.data.dataset import Dataset
from twinlens.data.groups import links_of
from twinlens.data.table import table_digest
from twinlens.errors import UserError, unknown
from twinlens.records.split import FoldSplit, Links, Method, PresetSplit, Shares, SharesSplit
from twinlens.seeds import generator
from twinlens.splitting.assignment import Assignment, Sample, draw, fold_of_group, sample_of
from twinlens.splitting.paper import PRESETS, draw_preset

Drawn = tuple[Assignment, list[str]]


@dataclass(frozen=True, eq=False)
class Plan:
    """A split that is to be made.

    Attributes:
        name: Its name.
        method: How it is made.
        draw: Function that returns the part of each image, and notes.
        previous_hashes: Hashes of the splits that it extends.
    """

    name: str
    method: Method
    draw: Callable[[], Drawn]
    previous_hashes: Sequence[str] = ()


def share_plan(
    dataset: Dataset, sample: Sample, shares: Shares, seed: int, name: str | None
) -> Plan:
    """Plan a split by whole groups, stratified by class."""
    check_shares(shares)

    def drawn() -> Drawn:
        return draw(sample, generator(seed, "split").permutation(sample.count), shares)

    method = SharesSplit(**dict(shares), seed=seed, links=links_used(dataset))
    return Plan(name or f"{spelled(shares)}-seed{seed}", method, drawn)


def preset_plan(dataset: Dataset, preset: str, seed: int, name: str | None) -> Plan:
    """Plan the paper's split by one of `PRESETS`."""
    if preset not in PRESETS:
        raise unknown("preset", preset, PRESETS)
    links = links_used(dataset) if preset == "recommended" else None
    method = PresetSplit(preset=preset, seed=seed, links=links)
    return Plan(name or f"{preset}-seed{seed}", method, partial(draw_preset, dataset, preset, seed))


def fold_plans(
    dataset: Dataset, folds: int, shares: Shares, seed: int, name: str | None
) -> list[Plan]:
    """Plan a split for each fold, which is its test; every labelled image is in one fold."""
    check_shares(shares)
    sample = sample_of(dataset)
    number = len(np.unique(sample.groups[sample.labels >= 0]))
    if folds > number:
        raise UserError(f"--folds {folds} is more than the {number} groups that have labels.")
    name = name or f"{spelled(shares)}-{folds}folds-seed{seed}"
    links = links_used(dataset)
    fold_of = fold_of_group(sample, folds, seed)
    spread = _spread(sample, fold_of, folds)

    def drawn(fold: int) -> Drawn:
        place = generator(seed, "fold", fold).permutation(sample.count)
        part, notes = draw(sample, place, shares, tested=fold_of == fold - 1)
        return part, [*spread, *notes, *absent(sample, part, "train")]

    return [
        Plan(
            f"{name}-fold{fold}",
            FoldSplit(**dict(shares), folds=folds, fold=fold, seed=seed, links=links),
            partial(drawn, fold),
        )
        for fold in range(1, folds + 1)
    ]


def check_shares(shares: Shares) -> None:
    """Refuse shares that make no sense.

    Raises:
        UserError: They leave nothing for train, or `per_class` is below 1.
    """
    val, test = shares.val, shares.test or 0.0
    if not (0 <= val < 1 and 0 <= test < 1 and val + test < 1):
        raise UserError(
            f"--val {val} and --test {test} must be shares of 0 or more, and leave some for train."
        )
    if shares.per_class is not None and shares.per_class < 1:
        raise UserError(f"--per-class {shares.per_class} must be 1 or more.")


def spelled(shares: Shares) -> str:
    """Spell shares for a split's name."""
    limit = "" if shares.per_class is None else f"per{shares.per_class}-"
    return f"{limit}val{shares.val:g}" + ("" if shares.test is None else f"-test{shares.test:g}")


def links_used(dataset: Dataset) -> Links | None:
    """Return the near-duplicates by which groups are merged, None if there are none."""
    links = links_of(dataset)
    if links is None:
        return None
    group = dataset.table.set_index("id")["group"]
    across = links[links["a"].map(group).to_numpy() != links["b"].map(group).to_numpy()]
    return Links(count=len(across), digest=table_digest(across)) if len(across) else None


def absent(sample: Sample, part: Assignment, split: str) -> list[str]:
    """Return notes on which classes of a data set have no image in one of `SPLITS`."""
    missing = np.setdiff1d(sample.labels[sample.labels >= 0], sample.labels[part == split])
    if not len(missing):
        return []
    return [f"Classes without an image in {split}: {_listed(sample.classes[n] for n in missing)}."]


def _spread(sample: Sample, fold_of: np.ndarray, folds: int) -> list[str]:
    """Return notes on which folds do not test a class, and why."""
    notes = []
    for label, name in enumerate(sample.classes):
        groups = np.unique(sample.groups[sample.labels == label])
        without = np.setdiff1d(np.arange(folds), fold_of[groups]) + 1
        if len(groups) and len(without):
            number = f"{len(groups)} group{'s' * (len(groups) > 1)}"
            notes.append(
                f"Class '{name}' is in {number} of images only: none of it is tested in "
                f"fold{'s' * (len(without) > 1)} {_listed(without)} of {folds}."
            )
    return notes


def _listed(items: Iterable[Any]) -> str:
    *most, last = map(str, items)
    return f"{', '.join(most)} and {last}" if most else last
