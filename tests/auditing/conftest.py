"""Photographs of different lesions, copies of them, and data sets made of either."""

from collections.abc import Callable, Sequence
from io import BytesIO
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from twinlens import files
from twinlens.data.dataset import PACK, Dataset, open_dataset, write_dataset
from twinlens.phantom.generate import phantom_image
from twinlens.pretraining.pretrain import pretrain
from twinlens.records.dataset import DatasetDescription


@pytest.fixture(scope="session")
def photographs() -> np.ndarray:
    """Photographs of 120 lesions: uint8, shape (120, 80, 80, 3)."""
    images = np.stack([phantom_image(0, lesion, 0, size=80) for lesion in range(120)])
    images.setflags(write=False)
    return images


@pytest.fixture(scope="session")
def reencoded() -> Callable[..., np.ndarray]:
    """A function that encodes images as JPEG and decodes them."""

    def of(images: np.ndarray, quality: int = 60) -> np.ndarray:
        return np.stack([_jpeg(image, quality) for image in images])

    return of


def _jpeg(image: np.ndarray, quality: int) -> np.ndarray:
    buffer = BytesIO()
    Image.fromarray(image).save(buffer, "JPEG", quality=quality)
    return np.asarray(Image.open(buffer))


@pytest.fixture(scope="session")
def resized() -> Callable[..., np.ndarray]:
    """A function that resizes a window of images to squares, by default the whole of each."""

    def of(
        images: np.ndarray, size: int, box: tuple[float, float, float, float] | None = None
    ) -> np.ndarray:
        bicubic = Image.Resampling.BICUBIC
        return np.stack([
            np.asarray(Image.fromarray(image).resize((size, size), bicubic, box))
            for image in images
        ])  # fmt: skip

    return of


@pytest.fixture(scope="session")
def pretrained(phantoms: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """The folders of a data set and of a pretraining on it, of the projector alone."""
    run = tmp_path_factory.mktemp("pretrained") / "run"
    settings = {"epochs": 0, "batch_size": 32, "projector": [8], "monitor_points": 0}
    settings |= {"frozen_batchnorm": False}
    return phantoms, pretrain(phantoms, run, encoder="resnet18", settings=settings, device="cpu")


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
