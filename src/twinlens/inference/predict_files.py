"""Predicting with a model bundle, from image files to a table of probabilities."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from twinlens.console import say
from twinlens.engine.device import make_fabric
from twinlens.errors import UserError
from twinlens.importing.decode import ImageError, decode, square
from twinlens.importing.listing import list_files
from twinlens.inference.temperature import scaled
from twinlens.inference.test_time import predict_ensemble, with_views
from twinlens.models.ensemble import read_members, read_temperature
from twinlens.requests.base import accepts
from twinlens.requests.predict import PredictRequest
from twinlens.types import Images, PackedImage, Rows

BATCH_SIZE = 64


@accepts(PredictRequest)
def predict(request: PredictRequest) -> pd.DataFrame:
    """Predict the classes of image files, with the temperature that the model carries.

    Returns:
        One row per file: file, predicted class, ``p_<class>`` for each class, and the error if the
        file could not be read (missing otherwise).

    Raises:
        UserError: There is no image, a path does not exist, or the bundle cannot be used.
    """
    images = request.images
    paths = _files([images] if isinstance(images, Path | str) else images)
    members = with_views(read_members(Path(request.model)), request.tta)
    first, *_ = members.values()
    fabric = make_fabric(request.precision, request.device)
    errors: dict[int, str] = {}

    def read(rows: Rows) -> Images:
        pixels = np.stack([_read(paths[row], first.size, int(row), errors) for row in rows])
        batch = torch.from_numpy(pixels).permute(0, 3, 1, 2)
        return batch.to(fabric.device).float().div_(255)

    rows = np.arange(len(paths))
    probabilities = predict_ensemble(members, read, rows, batch_size=BATCH_SIZE, fabric=fabric)
    temperature = None if request.raw else read_temperature(Path(request.model))
    if temperature is not None:
        probabilities = scaled(probabilities, temperature)
    classes = first.classes
    table = pd.DataFrame({"file": [str(path) for path in paths]})
    table["predicted"] = [classes[i] for i in probabilities.argmax(axis=1)]
    table = table.join(pd.DataFrame(probabilities, columns=[f"p_{name}" for name in classes]))
    table["error"] = [errors.get(row) for row in range(len(paths))]
    broken = table["error"].notna()
    table.loc[broken, "predicted"] = None
    table.loc[broken, [f"p_{name}" for name in classes]] = np.nan
    return table


def _files(images: Sequence[Path | str]) -> list[Path]:
    files: list[Path] = []
    for path in map(Path, images):
        if not path.exists():
            raise UserError(f"{path} does not exist.")
        if not path.is_dir():
            files.append(path)
            continue
        found = list_files(path)
        files += found.images
        if found.masks:
            number, example = len(found.masks), found.masks[0].name
            say(f"Masks in {path} are left out, as their names say: {number:,}, such as {example}.")
    if not files:
        raise UserError(f"There are no image files in {', '.join(map(str, images))}.")
    return files


def _read(path: Path, size: int, row: int, errors: dict[int, str]) -> PackedImage:
    """Read one image; a broken one is noted and replaced by black."""
    try:
        return square(decode(path.read_bytes()), size)
    except (ImageError, OSError) as error:
        errors[row] = str(error)
        return np.zeros((size, size, 3), np.uint8)
