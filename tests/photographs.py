"""Fixtures of photographs, copies of them, and data sets of them at two sizes."""

from collections.abc import Callable
from io import BytesIO
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from twinlens.importing.import_images import import_images
from twinlens.phantom.generate import phantom_image


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
def two_sizes(
    photographs: np.ndarray, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, Path]:
    """Two data sets that share 60 photographs, at 32 and at 48 pixels, under other names.

    The first has all of its 80 images in train. The second begins with image 20 of the first: 20
    of its 40 test images are in the first, and none of its 20 validation images.
    """
    folder = tmp_path_factory.mktemp("two sizes")
    for name, size, first, parts in (
        ("a", 32, 0, ["train"] * 80),
        ("b", 48, 20, ["train"] * 40 + ["test"] * 40 + ["val"] * 20),
    ):
        (folder / name).mkdir()
        table = pd.DataFrame({"file": [f"{name}{i:03d}.png" for i in range(len(parts))]})
        table = table.assign(label=["NV", "MEL"] * (len(parts) // 2), part=parts)
        for file, image in zip(table["file"], photographs[first:], strict=False):
            Image.fromarray(image).save(folder / name / file)
        table.to_csv(folder / name / "table.csv", index=False)
        columns = {"image": "file", "label": "label", "split": "part"}
        import_images(folder / name, folder / f"{name} data", **columns, size=size, workers=1)
    return folder / "a data", folder / "b data"
