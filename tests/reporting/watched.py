"""What a pretraining stores of its monitor, its embedding and nearest neighbours, invented."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from PIL import Image

from twinlens.files import read_json, write_json
from twinlens.records.monitor import MonitorRecord
from twinlens.records.neighbours import LabelledImage, NearestNeighbours, QueryImage
from twinlens.seeds import generator

STEPS = 460
SIDE, GAP, ACROSS = 16, 4, 5
ALARM = "All images have nearly the same features: try a lower learning rate."


def watch(
    run: Path,
    *,
    labels: Sequence[str | None] = ("MEL", "NV", "BCC", None),
    images: int = 40,
    alarm: int | None = None,
    **record: Any,
) -> Path:
    """Add to a stored pretraining what was watched.

    Args:
        run: Its folder.
        labels: Of its images, in turn.
        images: How many are on the map.
        alarm: The step of an alarm.
        record: Changes to what run.json holds.
    """
    probed = any(labels)
    evaluations = [_evaluation(step, probed) for step in range(0, STEPS + 1, 23)]
    alarms = [{"step": alarm, "message": ALARM}] if alarm else []
    probe = {"images": 1791, "folds": 3, "classes": 5, "standard_error": 0.02} if probed else None
    watched = {"evaluations": evaluations, "alarms": alarms, "probe": probe, "images": 512}
    MonitorRecord.model_validate(watched).write(run / "monitor.json")
    _write_map(run, labels, images)
    _write_neighbours(run, labels)
    ending = {"verdict": ["It worked.", "No collapse was seen."], "kept": "last", "stopped": None}
    write_json(run / "run.json", read_json(run / "run.json") | ending | record)
    return run


def _evaluation(step: int, probed: bool) -> dict[str, float]:
    progress = step / STEPS
    probes = {"linear_probe": 0.34 + 0.12 * progress, "knn_probe": 0.3 + 0.1 * progress}
    return {
        "step": step,
        "epoch": 20 * progress,
        "feature_rank": 12 + 40 * progress,
        "feature_dispersion": 0.2 + 0.2 * progress,
        "lidar": 40 - 30 * progress,
        "alpha_req": 2.5 - progress,
        "embedding_rank": 5 + 200 * progress,
        "embedding_dispersion": 0.4 + 0.2 * progress,
        "on_diagonal": 0.3 + 0.5 * progress,
        "off_diagonal": 0.12 - 0.1 * progress,
    } | (probes if probed else {})


def _write_map(run: Path, labels: Sequence[str | None], images: int) -> None:
    names = [f"image {number}" for number in range(images)]
    own = pd.Series([labels[i % len(labels)] for i in range(images)], dtype="str")
    table = pd.DataFrame({"id": names, "label": own})
    for column in ("before_x", "before_y", "after_x", "after_y"):
        table[column] = generator(0, column).standard_normal(images)
    table.to_parquet(run / "embedding.parquet")


def _write_neighbours(run: Path, labels: Sequence[str | None], rows: int = 3) -> None:
    """Write rows whose first image before, and first two after, are of the query's class."""
    label, other = labels[0], labels[-1]

    def nearest(when: str, same: int) -> list[LabelledImage]:
        own = [label] * same + [other] * (ACROSS - same)
        return [LabelledImage(id=f"{when} {i}", label=name) for i, name in enumerate(own)]

    before, after = nearest("before", 1), nearest("after", 2)
    queries = [
        QueryImage(id=f"query {number}", label=label, before=before, after=after)
        for number in range(rows)
    ]
    NearestNeighbours(side=SIDE, count=ACROSS, queries=queries).write(run / "neighbours.json")
    columns, pitch = 1 + 2 * ACROSS, SIDE + GAP
    canvas = np.full((rows * pitch - GAP, columns * pitch - GAP, 3), 255, np.uint8)
    for i, j in np.ndindex(rows, columns):
        canvas[i * pitch : i * pitch + SIDE, j * pitch : j * pitch + SIDE] = shade(i, j)
    Image.fromarray(canvas).save(run / "neighbours.png")


def shade(row: int, column: int) -> tuple[int, int, int]:
    """Return the colour of a cell of the picture of neighbours."""
    return 60 * row, 20 * column, 100
