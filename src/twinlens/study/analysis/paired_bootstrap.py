"""What differences would be with other test images: stored predictions, resampled by group."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from jaxtyping import Float, Int
from numpy import ndarray

from twinlens.errors import UserError
from twinlens.evaluation.bootstrap import (
    SEEDS_NEEDED,
    Draws,
    confusions,
    draw_groups,
    drawn_scores,
    least_recognised,
    scores,
    seeds_and_groups,
    two_models,
)
from twinlens.evaluation.metrics import METRICS
from twinlens.records.plan import PlannedRun
from twinlens.study.running.paths import run_folder


@dataclass(frozen=True)
class Drawn:
    """One run: its confusions by test group, and each metric on these and on the drawn groups."""

    counted: Int[ndarray, "group class class"]
    values: dict[str, Float[ndarray, ""]]
    drawn: dict[str, Float[ndarray, "1+stratum draw"]]


def resample(
    folder: Path, arms: Mapping[str, Mapping[int, PlannedRun]], reference: Mapping[int, PlannedRun]
) -> dict[str, dict[str, dict[str, Any]]]:
    """Resample the test groups of finished runs at one label fraction, the same ones for all runs.

    Args:
        folder: Folder of the study.
        arms: The runs of each arm but the reference, by seed.
        reference: The reference's runs, by seed.

    Returns:
        By arm and metric, what to add to its difference: ``bootstrap`` where arm and reference
        share one seed, ``resampled_interval`` where they share `SEEDS_NEEDED` or more.

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
        return Drawn(counted, scores(counted.sum(axis=0)), drawn_scores(counted, draws))

    theirs = {s: drawn(reference[s]) for s in sorted({s for own in shared.values() for s in own})}
    return {
        arm: _compare([drawn(arms[arm][s]) for s in seeds], [theirs[s] for s in seeds], draws)
        for arm, seeds in shared.items()
    }


def _compare(ours: list[Drawn], theirs: list[Drawn], draws: Draws) -> dict[str, dict[str, Any]]:
    """Compare the runs of two arms, in the same order of seeds, on each metric."""
    pairs = list(zip(ours, theirs, strict=True))
    found: dict[str, dict[str, Any]] = {}
    for metric in METRICS:
        values = np.array([a.values[metric] - b.values[metric] for a, b in pairs])
        drawn = np.stack([a.drawn[metric] - b.drawn[metric] for a, b in pairs], axis=-1)
        if len(pairs) == 1:
            recognised = least_recognised(np.stack([ours[0].counted, theirs[0].counted], axis=1))
            one = two_models(float(values[0]), drawn[..., 0], draws, recognised=recognised)
            found[metric] = {"bootstrap": one}
        else:
            found[metric] = {"resampled_interval": seeds_and_groups(values, drawn, draws)}
    return found


def _read(folder: Path, run: PlannedRun) -> pd.DataFrame:
    """Return a run's predictions of the test images, by image id."""
    path = run_folder(folder, run) / "predictions.parquet"
    if not path.is_file():
        raise UserError(f"{path} is missing: delete its folder, and the run is done again.")
    table = pd.read_parquet(path)
    return table[table["split"] == "test"].set_index("id")
