"""A pretraining, data sets of images in memory, and features."""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from twinlens import files
from twinlens.data.dataset import PACK, Dataset, open_dataset, write_dataset
from twinlens.pretraining.pretrain import pretrain
from twinlens.records.dataset import DatasetDescription


@pytest.fixture(scope="session")
def pretrained(phantoms: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """The folders of a data set and of a pretraining on it, of the projector alone."""
    run = tmp_path_factory.mktemp("pretrained") / "run"
    settings = {"epochs": 0, "batch_size": 32, "projector": [8], "monitor_points": 0}
    settings |= {"frozen_batchnorm": False}
    return phantoms, pretrain(
        phantoms, run, encoder="resnet18_quarter", settings=settings, device="cpu"
    )


@pytest.fixture
def data_of(tmp_path: Path) -> Callable[..., Dataset]:
    """A function that writes a data set of images in memory, with ids ``i000`` and so on."""

    def to_folder(
        images: np.ndarray,
        labels: Sequence[str | None] | None = None,
        groups: Sequence[str] | None = None,
        name: str = "data",
    ) -> Dataset:
        folder = tmp_path / name
        folder.mkdir()
        np.save(folder / PACK, images)
        ids = [f"i{row:03d}" for row in range(len(images))]
        labels = [None] * len(ids) if labels is None else labels
        columns = {"id": ids, "label": labels, "group": ids if groups is None else groups}
        table = pd.DataFrame(columns).astype("str")
        classes = sorted(table["label"].dropna().unique())
        description = DatasetDescription(classes=classes, size=images.shape[1])
        skipped = pd.DataFrame(columns=["file", "reason"])
        write_dataset(folder, table, skipped, files.digest(images.tolist()), description)
        return open_dataset(folder)

    return to_folder


@pytest.fixture(scope="session")
def features_like() -> Callable[..., np.ndarray]:
    """A function that draws features, some of which vary a thousand times more than others."""

    def of(count: int, dimensions: int = 64, seed: int = 0) -> np.ndarray:
        values = np.random.default_rng(seed).standard_normal((count, dimensions))
        return (values * np.geomspace(1, 1000, dimensions) + 50).astype(np.float32)

    return of
