"""A run as it lies on disk."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import pandas as pd

from twinlens.files import read_json
from twinlens.parquet import read_table
from twinlens.records.lr_finder import LRFinderResult
from twinlens.records.monitor import MonitorRecord
from twinlens.records.neighbours import NearestNeighbours
from twinlens.records.run import DataSummary, PredictionsRun, PretrainRun, RunRecord, TrainRun
from twinlens.records.run import read_run as read_record
from twinlens.records.scores import PartScores, Scores


@dataclass(frozen=True)
class StoredRun:
    """The folder of a run: what it did, and what of its results is there.

    `arms` are those that it serves: its own for a training, all that start from it for a
    pretraining, none outside a study. `monitor`, `embedding` and `neighbours` are a pretraining's:
    what was watched meanwhile, and a map and the nearest images before and after it.
    """

    folder: Path
    arms: tuple[str, ...]
    record: RunRecord
    metrics: Scores | None
    lr_finder: LRFinderResult | None
    history: pd.DataFrame | None
    monitor: MonitorRecord | None = None
    embedding: pd.DataFrame | None = None
    neighbours: NearestNeighbours | None = None

    @property
    def name(self) -> str:
        """The run's id, which is its folder's name."""
        return self.folder.name

    @property
    def kind(self) -> str:
        """What the run did: ``pretrain``, or ``train``, as which another tool's work counts too."""
        return "pretrain" if isinstance(self.record, PretrainRun) else "train"

    @property
    def external(self) -> bool:
        """Whether it holds the predictions of another tool: no settings, history or bundle."""
        return isinstance(self.record, PredictionsRun)

    @property
    def pretraining(self) -> PretrainRun | None:
        """The record of a pretraining."""
        return self.record if isinstance(self.record, PretrainRun) else None

    @property
    def training(self) -> TrainRun | None:
        """The record of a training by Twinlens."""
        return self.record if isinstance(self.record, TrainRun) else None

    @cached_property
    def config(self) -> dict[str, Any]:
        """The resolved settings, with what it started from, to list them as they are."""
        return resolved(self.record)

    @property
    def seed(self) -> int:
        """The seed that it was run with."""
        return self.record.seed

    @property
    def label_fraction(self) -> float:
        """Fraction of the labelled training images that it used."""
        return 1.0 if isinstance(self.record, PretrainRun) else self.record.label_fraction

    @property
    def method(self) -> str:
        """The self-supervised method of a pretraining; nothing for a training."""
        return self.pretraining.settings.method if self.pretraining else ""

    @property
    def data(self) -> DataSummary:
        """The data it saw: classes, counts, split and hashes."""
        return self.record.data

    @property
    def transductive(self) -> bool:
        """Whether a pretraining, or the one it started from, saw validation and test images."""
        return not isinstance(self.record, PredictionsRun) and self.record.transductive

    @property
    def test(self) -> PartScores | None:
        """Its scores on the test images, if it has any."""
        return self.metrics.test if self.metrics else None


def read_run(folder: Path, arms: tuple[str, ...] = ()) -> StoredRun:
    """Read a run's folder; `arms` are those that it serves in its study.

    Raises:
        UserError: There is no record, or a file is no valid JSON.
        OSError, ValueError, KeyError: A file is damaged.
    """
    files = ("metrics", "lr_finder", "monitor", "neighbours")
    metrics, search, monitor, near = (folder / f"{name}.json" for name in files)
    return StoredRun(
        folder=folder,
        arms=arms,
        record=read_record(folder),
        metrics=Scores.read(metrics) if metrics.is_file() else None,
        lr_finder=LRFinderResult.read(search) if search.is_file() else None,
        history=if_there(folder / "history.parquet"),
        monitor=MonitorRecord.read(monitor) if monitor.is_file() else None,
        embedding=if_there(folder / "embedding.parquet"),
        neighbours=NearestNeighbours.read(near) if near.is_file() else None,
    )


def resolved(record: RunRecord) -> dict[str, Any]:
    """Return the resolved settings of a run, with what it started from, as plain values."""
    if isinstance(record, PredictionsRun):
        return {"predictions": record.request.file}
    start: dict[str, Any] = {
        "kind": record.kind,
        "encoder": record.encoder,
        "weights": record.initial_weights.name,
        "preset": record.request.preset,
        **record.settings.model_dump(mode="json", by_alias=True),
        "seed": record.seed,
        "data_hash": record.data.hash,
        "split_hash": record.data.split_hash,
    }
    if isinstance(record, PretrainRun):
        return start | {"images": record.request.images}
    before = {"pretrained": resolved(record.pretraining)} if record.pretraining else {}
    return start | before | {"label_fraction": record.label_fraction}


def if_there(path: Path) -> Any:
    """Read a JSON or parquet file; None if there is none."""
    if not path.is_file():
        return None
    return read_table(path) if path.suffix == ".parquet" else read_json(path)
