"""Explaining the predictions of image files."""

from pathlib import Path

import numpy as np

from twinlens.console import say
from twinlens.engine.device import make_fabric
from twinlens.errors import UserError, require
from twinlens.evaluation.test_set import model_folder, open_model, open_test_set
from twinlens.evaluation.trust.examples import Evaluated, Explained, explain
from twinlens.evaluation.trust.trained import trained_network
from twinlens.importing.decode import square
from twinlens.inference.image_list import decode_named, find_images
from twinlens.inference.predict_files import predict
from twinlens.requests.explain import ExplainRequest
from twinlens.requests.predict import PredictRequest


def explain_files(request: ExplainRequest) -> Explained:
    """Predict image files, and explain what is predicted; files that cannot be read are named.

    Raises:
        UserError: No image can be read, captum is not installed, or the data set does not hold the
            images that the model was trained on.
    """
    require("captum.attr", extra="explain")
    folder = model_folder(Path(request.model))
    model = open_model(folder)
    first = open_test_set(model, Path(request.dataset), request.split, "train", {})
    listed = find_images(request.images)
    table = predict.run(PredictRequest(folder, request.images, device=request.device))
    for file, error in table.loc[table["error"].notna(), ["file", "error"]].to_numpy():
        say(f"{file} cannot be read: {error}")
    readable = [image for image, bad in zip(listed, table["error"].notna(), strict=True) if not bad]
    if not readable:
        raise UserError("None of the image files can be read, so there is nothing to explain.")
    table = table[table["error"].isna()]
    files, size = table["file"].tolist(), model.info.size
    pixels = np.stack([square(decode_named(image.read(), side=size), size) for image in readable])
    trained = trained_network(model, first, make_fabric(model.info.precision, request.device))
    features = trained.features(pixels, np.arange(len(files)))
    images = Evaluated(
        name="",
        ids=files,
        groups=files,
        images=lambda places: pixels[places],
        labels=np.full(len(files), -1),
        probabilities=table[[f"p_{name}" for name in model.info.classes]].to_numpy(),
        features=features,
        unlike=trained.unlike.score(features) if trained.unlike else None,
    )
    return explain([images], trained, lambda each: {"images": list(range(len(each.ids)))})
