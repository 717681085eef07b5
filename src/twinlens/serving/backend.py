"""What a model is for the server: a bundle by torch, or an ONNX file without torch."""

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from jaxtyping import Float
from numpy import ndarray

from twinlens.errors import UserError
from twinlens.serving.answers import About
from twinlens.types import PackedImage, PackedImages

LIMITS = (
    "Not a medical device, but research software. The model knows its own classes alone and "
    "answers with one of them for every image. Do not base a diagnosis or a treatment on it."
)


@dataclass(frozen=True)
class Neighbour:
    """A labelled training image: its id, class, and distance of features from 0 to 2."""

    id: str
    label: str
    distance: float


@dataclass(frozen=True)
class Prediction:
    """What a model says about one image.

    Attributes:
        probabilities: One for each class.
        prediction_set: Names of plausible classes; None where the model has no sets.
        unlike_training: Whether it is unlike the training images; None where that is not known.
        distance: Distance to the training images; None where it is not known.
        nearest: The nearest training images, nearest first.
    """

    probabilities: Float[ndarray, " class"]
    prediction_set: tuple[str, ...] | None = None
    unlike_training: bool | None = None
    distance: float | None = None
    nearest: tuple[Neighbour, ...] = ()


class Backend(Protocol):
    """A loaded model. One thread calls it, so that it need not be safe for several."""

    @property
    def about(self) -> About:
        """What the model is."""

    def answer(self, pixels: PackedImages) -> list[Prediction]:
        """Predict squares of ``about.size`` pixels, each independently of the others."""

    def heat(self, pixels: PackedImage, label: int) -> Float[ndarray, "height width"]:
        """Return what speaks for a class, by place, from 0 to 1; only if ``about.grad_cam``."""


def open_backend(model: Path, device: str, tta: int | None = None) -> Backend:
    """Load a model once.

    Args:
        model: Folder of a bundle or an ensemble, or a .onnx file.
        device: Where a bundle runs.
        tta: Views of a bundle's test-time augmentation; None for its own number.

    Raises:
        UserError: It is neither, or is damaged; or views are wanted of a file.
    """
    if model.suffix == ".onnx":
        if tta not in (None, 1):
            raise UserError(f"--tta {tta}: a .onnx file has no test-time augmentation.")
        from twinlens.serving.onnx_backend import OnnxBackend

        return OnnxBackend(model)
    if not model.is_dir():
        raise UserError(f"{model} is neither the folder of a model nor a .onnx file.")
    from twinlens.serving.torch_backend import TorchBackend  # which takes a second to import

    return TorchBackend(model, device, tta)
