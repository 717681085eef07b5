"""How differences vary with the test images: stored predictions, resampled by group."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from jaxtyping import Float, Int
from numpy import ndarray

from twinlens.errors import UserError
from twinlens.evaluation.bootstrap import (
    SEEDS_NEEDED,
    Draws,
    PairBootstrap,
    confusion_metrics,
    confusions,
    draw_groups,
    drawn_scores,
    least_recognised,
    seeds_and_groups,
    two_models,
)
from twinlens.evaluation.statistics import NO_INTERVAL, Interval
from twinlens.records.plan import PlannedRun
from twinlens.study.running.paths import run_folder


@dataclass(frozen=True)
class Drawn:
    """One run: its confusions by test group, and each metric on these and on the drawn groups."""

    counted: Int[ndarray, "group class class"]
    values: dict[str, Float[ndarray, ""]]
    drawn: dict[str, Float[ndarray, "1+stratum draw"]]


@dataclass(frozen=True)
class Resampled:
    """Intervals of one difference over test groups.

    Attributes:
        seeds_and_groups: With `SEEDS_NEEDED` seeds or more: seeds and groups resampled.
        pair: With one seed: the two models on resampled groups; None otherwise.
    """

    seeds_and_groups: Interval = NO_INTERVAL
    pair: PairBootstrap | None = None


def resample(
    folder: Path, arms: Mapping[str, Mapping[int, PlannedRun]], reference: Mapping[int, PlannedRun]
) -> dict[tuple[str, str], Resampled]:
    """Resample the test groups of finished runs at one label fraction, the same ones for all runs.

    Args:
        folder: Folder of the study.
        arms: The runs of each arm but the reference, by seed.
        reference: The reference's runs, by seed.

    Returns:
        Intervals by arm and metric, where arm and reference share one seed, or `SEEDS_NEEDED`
        or more. Metrics of probabilities, which would have to be computed anew, have none.

    Raises:
        UserError: A run has no predictions.
    """
    shared = {arm: [seed for seed in runs if seed in reference] for arm, runs in arms.items()}
    shared = {arm: s for arm, s in shared.items() if len(s) == 1 or len(s) >= SEEDS_NEEDED}
    if not shared:
        return {}
    test = _read(folder, reference[next(iter(shared.values()))[0]])
    classes = test.filter(regex="^p_").columns
    labels = classes.get_indexer(pd.Index("p_" + test["label"]))
    draws = draw_groups(labels, test["group"].tolist())

    def drawn(run: PlannedRun) -> Drawn:
        table = _read(folder, run).loc[test.index, classes]
        counted = confusions(labels, table.to_numpy().argmax(axis=1), len(classes), draws)
        observed = confusion_metrics(counted.sum(axis=0))
        return Drawn(counted, observed, drawn_scores(counted, draws))

    seeds_of_any = sorted({seed for seeds in shared.values() for seed in seeds})
    references = {seed: drawn(reference[seed]) for seed in seeds_of_any}
    return {
        (arm, metric): resampled
        for arm, seeds in shared.items()
        for metric, resampled in _compare(
            [drawn(arms[arm][s]) for s in seeds], [references[s] for s in seeds], draws
        ).items()
    }


def _compare(runs: list[Drawn], references: list[Drawn], draws: Draws) -> Mapping[str, Resampled]:
    """Compare the runs of two arms, in the same order of seeds, on each metric."""
    pairs, intervals = list(zip(runs, references, strict=True)), {}
    for metric in runs[0].values:
        values = np.array([a.values[metric] - b.values[metric] for a, b in pairs])
        drawn = np.stack([a.drawn[metric] - b.drawn[metric] for a, b in pairs], axis=-1)
        if len(pairs) == 1:
            recognised = least_recognised(
                np.stack([runs[0].counted, references[0].counted], axis=1)
            )
            pair = two_models(float(values[0]), drawn[..., 0], draws, recognised=recognised)
            intervals[metric] = Resampled(pair=pair)
        else:
            intervals[metric] = Resampled(seeds_and_groups(values, drawn, draws))
    return intervals


def _read(folder: Path, run: PlannedRun) -> pd.DataFrame:
    """Return a run's predictions of the test images, by image id."""
    path = run_folder(folder, run) / "predictions.parquet"
    if not path.is_file():
        raise UserError(f"{path} is missing: delete its folder, and the run is done again.")
    table = pd.read_parquet(path)
    return table[table["split"] == "test"].set_index("id")
