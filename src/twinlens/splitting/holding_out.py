"""Holding out a site or source: test is the images with one value of a column."""

import re
from functools import partial

import numpy as np
import pandas as pd

from twinlens.data.dataset import Dataset
from twinlens.data.table import COLUMNS
from twinlens.errors import UserError, unknown
from twinlens.records.split import HeldOutSplit, Shares
from twinlens.seeds import generator
from twinlens.splitting.assignment import Sample, draw, sample_of
from twinlens.splitting.plans import Drawn, Plan, absent, check_shares, links_used, spelled

MANY = 100
"""Values of a column beyond which leaving out each in turn is a mistake."""


def held_out_plans(
    dataset: Dataset, hold_out: str, shares: Shares, seed: int, name: str | None
) -> list[Plan]:
    """Plan a split for each value that is held out.

    Args:
        dataset: What to split.
        hold_out: ``COLUMN=VALUE``, or ``COLUMN`` for each of its values in turn.
        shares: For train and val, of the images that are left.
        seed: Seed of the draw.
        name: Name of the split, or what the names of several begin with.

    Raises:
        UserError: There is no such column or value, or it leaves nothing to train on.
    """
    check_shares(shares)
    sample = sample_of(dataset)
    column, values = _column_and_values(dataset, hold_out)
    if name is not None and hold_out != column:
        names = [name]
    else:
        base = name or f"{spelled(shares)}-seed{seed}-{_safe(column)}"
        names = _distinct([f"{base}-{_safe(value)}" for value in values])
    texts = values_of(dataset.table[column])
    links = links_used(dataset)

    def drawn(value: str) -> Drawn:
        what = f"{column}={value}"
        return _draw(sample, (texts == value).to_numpy(), what, shares, seed)

    return [
        Plan(
            each,
            HeldOutSplit(**dict(shares), column=column, value=value, seed=seed, links=links),
            partial(drawn, value),
        )
        for each, value in zip(names, values, strict=True)
    ]


def values_of(column: pd.Series) -> pd.Series:
    """Return an attribute's values as text, whole numbers without a fraction, blank as missing."""
    codes, values = pd.factorize(column)
    texts = [
        str(int(value) if isinstance(value, float) and value.is_integer() else value).strip()
        for value in values
    ]
    named = pd.Series(np.array([*texts, ""], dtype=object)[codes], index=column.index)
    return named.where(named != "")


def _column_and_values(dataset: Dataset, hold_out: str) -> tuple[str, list[str]]:
    whole = hold_out in dataset.table.columns
    column, _, value = (hold_out, "", "") if whole else hold_out.partition("=")
    labelled = dataset.table[dataset.labels >= 0]
    columns = [name for name in labelled.columns if name not in COLUMNS]
    if column not in columns:
        fitting = [name for name in columns if values_of(labelled[name]).nunique() > 1]
        raise unknown("column to hold out by", column, fitting)
    values = sorted(values_of(labelled[column]).dropna().unique())
    if not whole:
        if value not in values:
            raise unknown(f"value of {column}", value, values[:MANY])
        return column, [value]
    if not 1 < len(values) <= MANY:
        raise UserError(
            f"The column '{column}' has {len(values)} values among labelled images, and leaving "
            f"out each in turn takes 2 to {MANY}: choose another, or hold out {column}=VALUE."
        )
    return column, values


def _draw(sample: Sample, held: np.ndarray, what: str, shares: Shares, seed: int) -> Drawn:
    tested = np.zeros(sample.count, dtype=bool)
    tested[sample.groups[held]] = True
    outside = ~tested[sample.groups]
    if not (sample.labels[outside] >= 0).any():
        raise UserError(f"--hold-out {what} leaves no labelled image to train on.")
    place = generator(seed, "hold out", what).permutation(sample.count)
    part, notes = draw(sample, place, shares, tested=tested)
    siblings = ~outside & ~held
    part[siblings] = None
    if siblings.any():
        notes.append(
            f"Images without {what} that are left out because their group is held out: "
            f"{siblings.sum()}."
        )
    return part, [*notes, *absent(sample, part, "train"), *absent(sample, part, "test")]


def _safe(text: str) -> str:
    return re.sub(r"[^\w.-]+", "_", text)[:80]


def _distinct(names: list[str]) -> list[str]:
    """Number names that are equal where a disk does not tell upper from lower case."""
    taken: set[str] = set()
    result = []
    for name in names:
        candidate, number = name, 1
        while candidate.casefold() in taken:
            number += 1
            candidate = f"{name}-{number}"
        taken.add(candidate.casefold())
        result.append(candidate)
    return result
