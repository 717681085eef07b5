"""Every metric by sex, age, site, source, skin tone or any other column of the table of images."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import pairwise

import numpy as np
import pandas as pd
from jaxtyping import Bool, Float
from numpy import ndarray

from twinlens.data.table import COLUMNS
from twinlens.errors import unknown
from twinlens.evaluation.metrics import METRICS
from twinlens.evaluation.uncertainty.cluster_bootstrap import Bootstrap
from twinlens.evaluation.uncertainty.metric_estimates import resampled_metrics
from twinlens.records.estimate import Estimate
from twinlens.records.reliability import Gap, Subgroups, SubgroupScores
from twinlens.types import Rows

MIN_IMAGES = 20
"""Images below which a subgroup is marked as small, as it is with a single group."""

MISSING = "not known"
_RESAMPLES = 1000  # there may be many subgroups
_MOST = 12  # values of a column that are subgroups
_AGES = (-np.inf, 30, 45, 60, 75, np.inf)
_AGE_NAMES = ("under 30", "30 to 44", "45 to 59", "60 to 74", "75 and over")


@dataclass(frozen=True, eq=False)
class _Subgroup:
    """A subgroup and its resampled metrics; equal to itself alone."""

    scores: SubgroupScores
    resampled: Bootstrap


def subgroup_scores(
    labels: Rows,
    probabilities: Float[ndarray, "image class"],
    classes: Sequence[str],
    groups: Sequence[str],
    columns: Mapping[str, pd.Series],
) -> Subgroups:
    """Score the images of each subgroup.

    Args:
        labels: Class number of each image, shape (image,).
        probabilities: Shape (image, class).
        classes: Names of the classes.
        groups: Name of each image's group.
        columns: Values of the images by name of their column, such as those of `attributes`.
    """
    scores, gaps, left_out = [], [], {}
    for column, values in columns.items():
        of_image, reason = banded(column, values)
        if of_image is None:
            left_out[column] = reason
            continue
        codes = of_image.cat.codes.to_numpy()
        found = [
            _score((column, value), codes == code, code, labels, probabilities, classes, groups)
            for code, value in enumerate(of_image.cat.categories)
        ]
        scores += [each.scores for each in found]
        gaps += _gaps([s for s in found if not s.scores.small and s.scores.value != MISSING])
    return Subgroups(scores=scores, gaps=gaps, left_out=left_out)


def attributes(table: pd.DataFrame, names: Sequence[str] | None = None) -> dict[str, pd.Series]:
    """Return the columns of the table of images that are neither id, label nor group.

    Args:
        table: See `twinlens.data.table`.
        names: Of these columns only; None for all.

    Raises:
        UserError: A name is no such column.
    """
    known = [name for name in table.columns if name not in COLUMNS]
    for name in names or ():
        if name not in known:
            raise unknown("column of the table of images", name, known)
    return {name: table[name] for name in (known if names is None else names)}


def banded(column: str, values: pd.Series) -> tuple[pd.Series | None, str]:
    """Return the subgroup of each image, as categories in order; or None, and why there are none.

    Ages are banded at 30, 45, 60 and 75, other numbers at their quartiles where they have many
    values.
    """
    count = values.nunique()
    numeric = pd.api.types.is_numeric_dtype(values) and not pd.api.types.is_bool_dtype(values)
    if count < 2:
        return None, "all images have the same value"
    if numeric and "age" in column.lower().split("_"):
        bands = pd.cut(values, _AGES, right=False, labels=_AGE_NAMES)
    elif numeric and count > _MOST:
        edges = np.unique(values.quantile([0.25, 0.5, 0.75]))
        between = [f"over {a:g}, to {b:g}" for a, b in pairwise(edges)]
        names = [f"up to {edges[0]:g}", *between, f"over {edges[-1]:g}"]
        bands = pd.cut(values, [-np.inf, *edges, np.inf], labels=names)
    elif count > _MOST:
        return None, f"it has {count:,} values"
    else:
        named = values.map({True: "yes", False: "no"}) if values.dtype == bool else values
        bands = named.astype("category")
    bands = bands.cat.rename_categories(str).cat.add_categories([MISSING])
    return bands.fillna(MISSING).cat.remove_unused_categories(), ""


def _score(
    key: tuple[str, str],
    members: Bool[ndarray, " image"],
    seed: int,
    labels: Rows,
    probabilities: Float[ndarray, "image class"],
    classes: Sequence[str],
    groups: Sequence[str],
) -> _Subgroup:
    """Score the members; the seeds of two subgroups differ, so that they are independent."""
    rows = np.flatnonzero(members)
    names = [group for group, member in zip(groups, members, strict=True) if member]
    resampled = resampled_metrics(
        labels[rows], probabilities[rows], names, per_class=False, resamples=_RESAMPLES, seed=seed
    )
    absent = np.setdiff1d(labels, labels[rows])
    small = len(rows) < MIN_IMAGES or len(set(names)) < 2
    scores = SubgroupScores(
        column=key[0],
        value=key[1],
        images=len(rows),
        groups=len(set(names)),
        small=small,
        absent=[classes[c] for c in absent],
        metrics=dict(zip(METRICS, resampled.estimates(), strict=True)),
    )
    return _Subgroup(scores, resampled)


def _gaps(subgroups: Sequence[_Subgroup]) -> list[Gap]:
    """Return the largest gap of each metric between subgroups, which share no image."""
    gaps, differences = [], cache(_difference)
    for number, (name, metric) in enumerate(METRICS.items()):
        defined = [s for s in subgroups if s.scores.metrics[name].value is not None]
        if len(defined) < 2:
            continue
        ordered = sorted(defined, key=lambda s: metric.sign * s.resampled.values[number])
        worst, best = ordered[0], ordered[-1]
        gaps.append(
            Gap(
                column=best.scores.column,
                metric=name,
                best=best.scores.value,
                worst=worst.scores.value,
                difference=differences(best, worst)[number],
                absent=sorted({*best.scores.absent} ^ {*worst.scores.absent}),
            )
        )
    return gaps


def _difference(best: _Subgroup, worst: _Subgroup) -> list[Estimate]:
    return best.resampled.minus(worst.resampled).estimates()
