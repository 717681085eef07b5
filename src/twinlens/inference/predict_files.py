"""Predicting with a model bundle, from image files to a table of probabilities."""

from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import numpy as np
import pandas as pd

from twinlens.engine.device import make_fabric
from twinlens.errors import UserError
from twinlens.importing.pack import Decoded, decoded
from twinlens.importing.source import Source
from twinlens.inference.image_list import find_images
from twinlens.inference.predictor import Answers, Predictor
from twinlens.models.ensemble import read_members
from twinlens.requests.base import accepts
from twinlens.requests.predict import PredictRequest
from twinlens.types import PackedImages

_BATCHES = 4
"""Batches of decoding, of 16 images each, that the network predicts together."""


@accepts(PredictRequest)
def predict(request: PredictRequest) -> pd.DataFrame:
    """Predict the classes of image files, with the temperature that the model carries.

    Returns:
        One row per file: file, predicted class, ``p_<class>`` for each class, the features
        ``e_<number>`` if they are wanted, and the error if the file could not be read (missing
        otherwise).

    Raises:
        UserError: There is no image, a path does not exist, or the bundle cannot be used.
    """
    return pd.concat(predict_in_parts(request), ignore_index=True)


def predict_in_parts(request: PredictRequest) -> Iterator[pd.DataFrame]:
    """Predict as `predict` does, but yield the table in parts, of which memory holds only a few."""
    folder, images = Path(request.model), request.images
    paths = find_images([images] if isinstance(images, Path | str) else images)
    members = read_members(folder)
    if request.embeddings and len(members) > 1:
        raise UserError(
            f"--embeddings needs a single network, and {folder} is an ensemble: name one of its "
            f"members, such as {next(iter(members))}."
        )
    fabric = make_fabric(request.precision, request.device)
    model = Predictor(folder, fabric, tta=request.tta)
    source = Source(pd.DataFrame(index=range(len(paths))), paths)
    batches = decoded(source, model.info.size, request.workers, "Predicting")
    start = 0
    while group := list(islice(batches, _BATCHES)):
        errors = {row: reason for batch in group for row, reason in batch.reasons.items()}
        pixels = _pixels(group, start)
        files = paths[start : start + len(pixels)]
        yield _table(
            [str(file) for file in files],
            model.answer(pixels),
            [errors.get(start + place) for place in range(len(files))],
            model.info.classes,
            request,
        )
        start += len(files)


def _table(
    files: list[str],
    found: Answers,
    errors: list[str | None],
    classes: list[str],
    request: PredictRequest,
) -> pd.DataFrame:
    """Arrange a part of the table; of files with an error, nothing but that is said."""
    p = found.raw if request.raw else found.probabilities
    table = pd.DataFrame({"file": files})
    table["predicted"] = [classes[k] for k in p.argmax(axis=1)]
    table = table.join(pd.DataFrame(p, columns=[f"p_{name}" for name in classes]))
    if request.embeddings:
        table = table.join(pd.DataFrame(found.features).add_prefix("e_"))
    table["error"] = errors
    broken = table["error"].notna()
    table.loc[broken, "predicted"] = None
    table.loc[broken, table.columns[2:-1]] = np.nan
    return table


def _pixels(group: list[Decoded], start: int) -> PackedImages:
    """Return the images of successive batches, the first of row `start`; broken ones are black."""
    count = sum(len(batch.rows) + len(batch.reasons) for batch in group)
    pixels = np.zeros((count, *group[0].images.shape[1:]), np.uint8)
    for batch in group:
        pixels[np.array(batch.rows, dtype=int) - start] = batch.images
    return pixels
