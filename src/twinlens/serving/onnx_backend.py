"""An ONNX file of `twinlens export`, run by onnxruntime without torch."""

import json
from pathlib import Path

import numpy as np
from jaxtyping import Float
from numpy import ndarray

import twinlens
from twinlens.errors import UserError, require
from twinlens.serving.answers import About, ClassName
from twinlens.serving.backend import LIMITS, Prediction
from twinlens.types import PackedImage, PackedImages


class OnnxBackend:
    """A model in onnxruntime, on the CPU.

    Args:
        path: The file.

    Raises:
        UserError: It is missing or damaged, or lacks the metadata of `twinlens export`.
    """

    def __init__(self, path: Path) -> None:
        runtime = require("onnxruntime", extra="onnx")
        if not path.is_file():
            raise UserError(f"{path} is not a file.")
        try:
            self._session = runtime.InferenceSession(
                path.read_bytes(), providers=["CPUExecutionProvider"]
            )
            self.about = _about(self._session.get_modelmeta().custom_metadata_map)
        except (KeyError, ValueError) as error:
            raise UserError(
                f"{path} lacks what 'twinlens export' writes into it ({error}): export it again."
            ) from error
        except Exception as error:  # onnxruntime has a class of its own for each reason
            reason = str(error).strip().partition("\n")[0]
            raise UserError(f"{path} cannot be opened by onnxruntime: {reason}") from error

    def answer(self, pixels: PackedImages) -> list[Prediction]:
        """Predict squares of the model's size."""
        images = pixels.transpose(0, 3, 1, 2).astype(np.float32) / 255
        (probabilities,) = self._session.run(None, {"images": images})
        return [Prediction(row) for row in probabilities]

    def heat(self, pixels: PackedImage, label: int) -> Float[ndarray, "height width"]:
        """Refuse: Grad-CAM needs gradients."""
        raise NotImplementedError


def _about(metadata: dict[str, str]) -> About:
    names, titles = json.loads(metadata["classes"]), json.loads(metadata["class_titles"])
    groups = json.loads(metadata.get("class_groups", "[]")) or [""] * len(names)
    temperature = metadata["temperature"]
    return About(
        classes=[
            ClassName(name=name, title=title, group=group)
            for name, title, group in zip(names, titles, groups, strict=True)
        ],
        size=int(metadata["size"]),
        temperature=None if temperature == "none" else float(temperature),
        training_data=metadata.get("training_data_sha256", ""),
        version=twinlens.__version__,
        limits=LIMITS,
    )
