"""Comparisons of arms over their stored predictions: paired by seed and by test group."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import pandas as pd

from twinlens.evaluation.uncertainty.crossed_effects import (
    Groups,
    GroupShares,
    Variance,
    crossed_difference,
    group_shares,
    number_groups,
)
from twinlens.evaluation.uncertainty.false_claims import false_claim_probability
from twinlens.evaluation.uncertainty.sequential import corrected, level_at
from twinlens.evaluation.uncertainty.statistics import (
    LEVEL,
    Interval,
    PairedDifference,
    paired_difference,
)
from twinlens.inference.predictions_table import read_predictions
from twinlens.records.plan import PlannedRun
from twinlens.records.results import Covers
from twinlens.study.running.paths import run_folder

Key = tuple[str, float]
"""An arm and a label fraction."""

Tables = Mapping[Key, pd.DataFrame]
"""Metrics on the test images by arm and label fraction: seeds down, metrics across."""

Shares = Mapping[Key, Mapping[int, Mapping[str, GroupShares]]]
"""What test groups contribute, by arm and label fraction, seed and metric."""


@dataclass(frozen=True)
class Comparison:
    """A metric of one arm minus that of another, over the seeds of both.

    Attributes:
        seeds: These seeds.
        a: Values of the one arm.
        b: Values of the other.
        over_seeds: The difference given the test set.
        level: Level of both intervals, so that those of all looks hold at 95 %.
        interval: The interval of the mean.
        covers: What it holds for.
        p: Two-sided p value that goes with the interval; corrected for earlier looks.
        variance: Variance of the mean; None without test groups.
        note: Why there is no interval; empty where there is one.
        false_claim: Probability that the better arm is not better, of what the interval covers.
    """

    seeds: list[int]
    a: list[float]
    b: list[float]
    over_seeds: PairedDifference
    level: float
    interval: Interval
    covers: Covers
    p: float | None
    variance: Variance | None
    note: str
    false_claim: float | None = None


@dataclass(frozen=True)
class Comparisons:
    """Compares any two arms of a study.

    Attributes:
        tables: The metrics of all runs.
        shares: What test groups contribute to those that come from confusion matrices.
        groups: The test groups; None without runs.
        looks: Numbers of seeds at which the results were looked at before.
    """

    tables: Tables
    shares: Shares
    groups: Groups | None
    looks: Sequence[int] = ()

    def compare(self, a: Key, b: Key, metric: str) -> Comparison | None:
        """Compare one metric of two arms; None where they share no seed, or one lacks the metric.

        A metric of probabilities has no shares of groups: it is compared given the test set.
        """
        if a not in self.tables or b not in self.tables:
            return None
        if metric not in self.tables[a] or metric not in self.tables[b]:
            return None
        of_a, of_b = self.tables[a][metric], self.tables[b][metric]
        seeds = of_a.index.intersection(of_b.index).tolist()
        if not seeds:
            return None
        level = level_at(self.looks, len(seeds)) if len(seeds) > 1 else LEVEL
        x, y = of_a[seeds].tolist(), of_b[seeds].tolist()
        given = paired_difference(x, y, level=level)
        p = corrected(given.p, level)
        found = Comparison(seeds, x, y, given, level, given.interval, "seeds", p, None, given.note)
        found = replace(found, false_claim=None if given.p is None else given.p / 2)
        if not self.groups or metric not in self.shares[a][seeds[0]]:
            return found
        ours, theirs = ([self.shares[key][seed][metric] for seed in seeds] for key in (a, b))
        crossed = crossed_difference(ours, theirs, self.groups, level=level)
        found = replace(
            found,
            covers="test images" if len(seeds) == 1 else "seeds and test images",
            variance=crossed.variance,
        )
        if len(seeds) > 1 and given.note:  # no spread over seeds
            return found
        return replace(
            found,
            interval=crossed.interval,
            p=corrected(crossed.p, level),
            note=crossed.note,
            false_claim=false_claim_probability(given.mean, crossed),
        )


def read_comparisons(
    folder: Path, trainings: Sequence[PlannedRun], tables: Tables, looks: Sequence[int]
) -> Comparisons:
    """Read the predictions of finished trainings.

    Args:
        folder: Folder of the study.
        trainings: The trainings.
        tables: Their metrics on the test images.
        looks: Numbers of seeds at which the results were looked at before.

    Raises:
        UserError: A training has no predictions.
    """
    if not trainings:
        return Comparisons(tables, {}, None)
    test = _read(folder, trainings[0])
    classes = test.filter(regex="^p_").columns
    labels = classes.get_indexer(pd.Index("p_" + test["label"]))
    groups = number_groups(labels, test["group"].tolist())
    shares: dict[Key, dict[int, dict[str, GroupShares]]] = {}
    for run in trainings:
        predicted = _read(folder, run).loc[test.index, classes].to_numpy().argmax(axis=1)
        by_seed = shares.setdefault((str(run.arm), float(run.label_fraction or 1)), {})
        by_seed[run.seed] = group_shares(labels, predicted, len(classes), groups)
    return Comparisons(tables, shares, groups, looks)


def _read(folder: Path, run: PlannedRun) -> pd.DataFrame:
    """Return a run's predictions of the test images, by image id."""
    mend = "delete its folder, and the run is done again"
    table = read_predictions(run_folder(folder, run), mend=mend)
    return table[table["split"] == "test"].set_index("id")
