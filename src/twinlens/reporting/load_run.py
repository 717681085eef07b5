"""A run as it lies on disk."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from twinlens.files import read_json
from twinlens.records.neighbours import NearestNeighbours
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
    info: dict[str, Any]
    metrics: Scores | None
    lr_finder: dict[str, Any] | None
    history: pd.DataFrame | None
    monitor: dict[str, Any] | None = None
    embedding: pd.DataFrame | None = None
    neighbours: NearestNeighbours | None = None

    @property
    def name(self) -> str:
        """The run's id, which is its folder's name."""
        return self.folder.name

    @property
    def kind(self) -> str:
        """What the run did: ``pretrain``, or ``train``, as which another tool's work counts too."""
        return "pretrain" if self.info["kind"] == "pretrain" else "train"

    @property
    def external(self) -> bool:
        """Whether it holds the predictions of another tool: no settings, history or bundle."""
        return bool(self.info["kind"] == "predictions")

    @property
    def config(self) -> dict[str, Any]:
        """The resolved settings, with what it started from."""
        return dict(self.info.get("config") or {})

    @property
    def seed(self) -> int:
        """The seed that it was run with."""
        return int(self.info.get("seed", 0))

    @property
    def label_fraction(self) -> float:
        """Fraction of the labelled training images that it used."""
        return float(self.info.get("label_fraction") or 1)

    @property
    def method(self) -> str:
        """The self-supervised method of a pretraining; nothing for a training."""
        return str(self.config.get("method", ""))

    @property
    def data(self) -> dict[str, Any]:
        """The data it saw: classes, counts, split and hashes."""
        return dict(self.info.get("data") or {})

    @property
    def transductive(self) -> bool:
        """Whether a pretraining, or the one it started from, saw validation and test images."""
        return bool(self.info.get("transductive"))

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
    info, near = read_json(folder / "run.json"), folder / "neighbours.json"
    if info["kind"] not in ("train", "pretrain", "predictions"):
        raise ValueError(f"run.json is of an unknown kind '{info['kind']}'.")
    metrics = folder / "metrics.json"
    return StoredRun(
        folder=folder,
        arms=arms,
        info=info,
        metrics=Scores.read(metrics) if metrics.is_file() else None,
        lr_finder=if_there(folder / "lr_finder.json"),
        history=if_there(folder / "history.parquet"),
        monitor=if_there(folder / "monitor.json"),
        embedding=if_there(folder / "embedding.parquet"),
        neighbours=NearestNeighbours.read(near) if near.is_file() else None,
    )


def if_there(path: Path) -> Any:
    """Read a JSON or parquet file; None if there is none."""
    if not path.is_file():
        return None
    return pd.read_parquet(path) if path.suffix == ".parquet" else read_json(path)
