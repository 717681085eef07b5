"""Predicting with a model bundle, from image files to a table of probabilities."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from jaxtyping import Float
from lightning_fabric import Fabric
from numpy import ndarray

from twinlens.engine.device import make_fabric
from twinlens.errors import UserError
from twinlens.importing.pack import Decoded, decoded
from twinlens.importing.source import Source
from twinlens.inference.image_list import find_images
from twinlens.inference.temperature import scaled
from twinlens.inference.test_time import Predictor, Probabilities, averaged_softmax, with_views
from twinlens.models.bundle import Bundle, load_bundle
from twinlens.models.ensemble import read_members, read_temperature
from twinlens.records.bundle import BundleInfo
from twinlens.requests.base import accepts
from twinlens.requests.predict import PredictRequest
from twinlens.types import PackedImages
from twinlens.views.view import normalise

Found = Float[ndarray, "image feature"]

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
    members = with_views(read_members(folder), request.tta)
    first, *_ = members.values()
    if request.embeddings and len(members) > 1:
        raise UserError(
            f"--embeddings needs a single network, and {folder} is an ensemble: name one of its "
            f"members, such as {next(iter(members))}."
        )
    model = _Model.load(members, make_fabric(request.precision, request.device))
    temperature = None if request.raw else read_temperature(folder)
    source = Source(pd.DataFrame(index=range(len(paths))), paths)
    batches = decoded(source, first.size, request.workers, "Predicting")
    start = 0
    while group := list(islice(batches, _BATCHES)):
        errors = {row: reason for batch in group for row, reason in batch.reasons.items()}
        pixels = _pixels(group, start)
        files = paths[start : start + len(pixels)]
        p, features = model.outputs(pixels, features=request.embeddings)
        p = p if temperature is None else scaled(p, temperature)
        table = pd.DataFrame({"file": [str(file) for file in files]})
        table["predicted"] = [first.classes[k] for k in p.argmax(axis=1)]
        table = table.join(pd.DataFrame(p, columns=[f"p_{name}" for name in first.classes]))
        table = table.join(pd.DataFrame(features).add_prefix("e_"))
        table["error"] = [errors.get(start + place) for place in range(len(files))]
        broken = table["error"].notna()
        table.loc[broken, "predicted"] = None
        table.loc[broken, table.columns[2:-1]] = np.nan
        yield table
        start += len(files)


@dataclass(frozen=True)
class _Model:
    """The networks of a model, on Fabric's device.

    Attributes:
        predictors: From images to probabilities, one for each member.
        bundle: The first member.
        fabric: Gives device and precision.
    """

    predictors: list[Predictor]
    bundle: Bundle
    fabric: Fabric

    @classmethod
    def load(cls, members: Mapping[Path, BundleInfo], fabric: Fabric) -> "_Model":
        bundles = [load_bundle(folder) for folder in members]
        predictors = [
            averaged_softmax(
                bundle.encoder.to(fabric.device),
                bundle.head.to(fabric.device),
                tta=info.test_time,
                size=info.size,
                autocast=fabric.autocast,
            )
            for bundle, info in zip(bundles, members.values(), strict=True)
        ]
        return cls(predictors, bundles[0], fabric)

    @torch.inference_mode()
    def outputs(self, pixels: PackedImages, *, features: bool) -> tuple[Probabilities, Found]:
        """Return the probabilities, averaged over the members, and the features if wanted."""
        images = torch.from_numpy(pixels).permute(0, 3, 1, 2).to(self.fabric.device)
        images = images.float().div_(255)
        p = torch.stack([predictor(images) for predictor in self.predictors]).mean(dim=0)
        if not features:
            return p.cpu().numpy(), np.empty((len(pixels), 0), np.float32)
        encoder = self.bundle.encoder
        with self.fabric.autocast():
            found = encoder(normalise(images, encoder.mean, encoder.std))
        return p.cpu().numpy(), found.float().cpu().numpy()


def _pixels(group: list[Decoded], start: int) -> PackedImages:
    """Return the images of successive batches, the first of row `start`; broken ones are black."""
    count = sum(len(batch.rows) + len(batch.reasons) for batch in group)
    pixels = np.zeros((count, *group[0].images.shape[1:]), np.uint8)
    for batch in group:
        pixels[np.array(batch.rows, dtype=int) - start] = batch.images
    return pixels
