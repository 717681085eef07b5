"""``scores.parquet`` of a study: one flat table of scores, from which all results are computed."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import pandas as pd

from twinlens.parquet import read_table, write_table
from twinlens.records.plan import PlannedRun
from twinlens.records.scores import PartScores
from twinlens.study.running.paths import SCORES, read_metrics

COLUMNS = ["arm", "label_fraction", "seed", "run", "part", "class_name", "metric", "value"]
"""``part`` is val or test; ``class_name`` is empty for a metric of all classes."""


def collect_scores(folder: Path, trainings: Sequence[PlannedRun]) -> pd.DataFrame:
    """Return the scores of finished trainings as one table with `COLUMNS`."""
    rows = [
        (str(run.arm), float(run.label_fraction or 1), run.seed, run.id, part, *row)
        for run in trainings
        for part, scores in read_metrics(folder, run).parts.items()
        for row in _rows(scores)
    ]
    return pd.DataFrame(rows, columns=COLUMNS)


def _rows(scores: PartScores) -> Iterator[tuple[str, str, float]]:
    """Yield class name, metric and value."""
    for metric, value in scores.metrics.items():
        yield "", metric, value
    for name, of_class in scores.per_class.items():
        for metric, value in of_class.model_dump().items():
            yield name, metric, float(value)


def write_scores(folder: Path, table: pd.DataFrame) -> None:
    """Write the table into a study's folder."""
    write_table(folder / SCORES, table)


def read_scores(folder: Path) -> pd.DataFrame:
    """Read the table of a study's folder."""
    return read_table(folder / SCORES)


def test_metrics(scores: pd.DataFrame) -> dict[tuple[str, float], pd.DataFrame]:
    """Return the metrics on the test images by arm and label fraction: seeds down, metrics across.

    A metric that a run lacks, since its test images do not define it, is left out.

    Args:
        scores: A table with `COLUMNS`.
    """
    overall = scores[(scores["part"] == "test") & (scores["class_name"] == "")]
    return {
        (str(arm), float(str(fraction))): rows.pivot(
            index="seed", columns="metric", values="value"
        ).dropna(axis=1)
        for (arm, fraction), rows in overall.groupby(["arm", "label_fraction"])
    }
