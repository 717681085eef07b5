"""Predicting with a model bundle, from image files to a table of probabilities."""

from collections.abc import Iterator, Sequence
from itertools import islice

import numpy as np
import pandas as pd

from twinlens.engine.device import make_fabric
from twinlens.engine.memory import largest_that_fits
from twinlens.errors import UserError, lacks_memory
from twinlens.importing.pack import BATCH, Decoded, decoded
from twinlens.importing.source import Source
from twinlens.inference.image_list import Named, decode_named, find_images
from twinlens.inference.prediction_sets import names_of
from twinlens.inference.predictions_table import unless
from twinlens.inference.predictor import Answers, Predictor
from twinlens.models.ensemble import read_members
from twinlens.models.pull import local_model
from twinlens.requests.base import accepts
from twinlens.requests.predict import PredictRequest
from twinlens.types import PackedImages


@accepts(PredictRequest)
def predict(request: PredictRequest) -> pd.DataFrame:
    """Predict the classes of images, with the temperature that the model carries.

    Returns:
        One row per image: file, group if a column is named, predicted class, ``p_<class>`` for
        each class, the features ``e_<number>`` if they are wanted, the prediction set (a list of
        classes), whether the image is unlike the training images and its distance to them, as far
        as the model carries what these need, and the error if the file could not be read (missing
        otherwise).

    Raises:
        UserError: There is no image, a path does not exist, or the bundle cannot be used.
    """
    return pd.concat(predict_in_parts(request), ignore_index=True)


def predict_in_parts(request: PredictRequest) -> Iterator[pd.DataFrame]:
    """Predict as `predict` does, but yield the table in parts, of which memory holds only a few."""
    folder, size = local_model(request.model), request.batch_size
    if size < 1:
        raise UserError(f"--batch-size {size} must be 1 or more.")
    listed = find_images(request.images, request.group)
    members = read_members(folder)
    if request.embeddings and len(members) > 1:
        raise UserError(
            f"--embeddings needs a single network, and {folder} is an ensemble: name one of its "
            f"members, such as {next(iter(members))}."
        )
    fabric = make_fabric(request.precision, request.device)
    model = Predictor(folder, fabric, tta=request.tta, by_class=request.sets_by_class)
    source = Source(pd.DataFrame(index=range(len(listed))), listed, Named.read, decode_named)
    batches = decoded(source, model.info.size, request.workers, "Predicting")
    start = 0
    while group := list(islice(batches, max(1, size // BATCH))):
        errors = {row: reason for batch in group for row, reason in batch.reasons.items()}
        pixels = _pixels(group, start)
        for first in range(0, len(pixels), size):
            rows = range(start + first, start + min(first + size, len(pixels)))
            yield _table(
                listed[rows.start : rows.stop],
                _answer(model, pixels[first : first + size]),
                [errors.get(row) for row in rows],
                model.info.classes,
                request,
            )
        start += len(pixels)


def _answer(model: Predictor, pixels: PackedImages) -> Answers:
    try:
        return model.answer(pixels)
    except (RuntimeError, MemoryError) as error:  # torch.OutOfMemoryError is a RuntimeError
        if not lacks_memory(error):
            raise
    fits = largest_that_fits(lambda size: model.answer(pixels[:size]), len(pixels))
    raise UserError(
        f"A batch of {len(pixels)} images needs more memory than there is: "
        + (f"--batch-size {fits} fits." if fits else "choose --device cpu, or fewer --tta views.")
    )


def _table(
    listed: Sequence[Named],
    found: Answers,
    errors: list[str | None],
    classes: list[str],
    request: PredictRequest,
) -> pd.DataFrame:
    """Arrange a part of the table; of files with an error, nothing but that is said."""
    broken = np.array([error is not None for error in errors])

    def numbers(values: np.ndarray, columns: Sequence[str]) -> pd.DataFrame:
        frame = pd.DataFrame(values, columns=[*columns])
        frame.loc[broken] = np.nan
        return frame

    p = found.raw if request.raw else found.probabilities
    table = pd.DataFrame({"file": [str(image) for image in listed]})
    if request.group is not None:
        table["group"] = pd.Series([image.group for image in listed], dtype=object)
    table["predicted"] = unless(broken, [classes[k] for k in p.argmax(axis=1)])
    table = table.join(numbers(p, [f"p_{name}" for name in classes]))
    if request.embeddings:
        names = [f"e_{number}" for number in range(found.features.shape[1])]
        table = table.join(numbers(found.features, names))
    if found.sets is not None:
        table["set"] = unless(broken, names_of(found.sets, classes))
    if found.unlike is not None:
        table["unlike_training"] = unless(broken, found.unlike.tolist())
    if found.distance is not None:
        table = table.join(numbers(found.distance, ["distance"]))
    table["error"] = pd.Series(errors, dtype=object)
    return table


def _pixels(group: list[Decoded], start: int) -> PackedImages:
    """Return the images of successive batches, the first of row `start`; broken ones are black."""
    count = sum(len(batch.rows) + len(batch.reasons) for batch in group)
    pixels = np.zeros((count, *group[0].images.shape[1:]), np.uint8)
    for batch in group:
        pixels[np.array(batch.rows, dtype=int) - start] = batch.images
    return pixels
