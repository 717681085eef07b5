"""A bundle or an ensemble, run by torch."""

from pathlib import Path
from typing import cast

import numpy as np
import torch
from jaxtyping import Float
from numpy import ndarray
from torch import Tensor

import twinlens
from twinlens.engine.device import make_fabric
from twinlens.errors import UserError
from twinlens.inference.explain import grad_cam
from twinlens.models.ensemble import read_members
from twinlens.models.load_model import Classifier, load_model
from twinlens.records.dataset import ClassInfo
from twinlens.serving.answers import About, ClassName
from twinlens.serving.backend import LIMITS, Prediction
from twinlens.types import PackedImage, PackedImages


class TorchBackend:
    """A model in torch, in fp32.

    Args:
        folder: A bundle or an ensemble.
        device: auto, cpu, cuda or mps.

    Raises:
        UserError: It is neither, or is damaged, or there is no such device.
    """

    def __init__(self, folder: Path, device: str) -> None:
        info, *_ = read_members(folder).values()
        model, _transform = load_model(folder)
        self._device = make_fabric("fp32", device).device
        self._model = model.to(self._device)
        self.about = About(
            classes=[_named(name, info.class_info.get(name)) for name in info.classes],
            size=info.size,
            temperature=model.temperature,
            training_data=info.provenance.trained_on.data_hash,
            version=twinlens.__version__,
            grad_cam=self._can_explain(info.size),
            limits=f"{LIMITS} {info.notice}".strip(),
        )

    def answer(self, pixels: PackedImages) -> list[Prediction]:
        """Predict squares of the model's size."""
        with torch.inference_mode():
            return [Prediction(row) for row in self._model(self._images(pixels)).cpu().numpy()]

    def heat(self, pixels: PackedImage, label: int) -> Float[ndarray, "height width"]:
        """Return Grad-CAM of a class, from 0 to 1, averaged over an ensemble."""
        images, labels = self._images(pixels[None]), torch.tensor([label], device=self._device)
        members = [cast(Classifier, member) for member in self._model.members]
        heats = [grad_cam(each.encoder, each.head, images, labels) for each in members]
        mean: Float[ndarray, "height width"] = torch.stack(heats).mean(dim=0)[0].cpu().numpy()
        return mean

    def _images(self, pixels: PackedImages) -> Tensor:
        return torch.tensor(pixels, device=self._device).permute(0, 3, 1, 2).float().div(255)

    def _can_explain(self, size: int) -> bool:
        """Try Grad-CAM, which needs captum and a network with feature maps."""
        try:
            self.heat(np.zeros((size, size, 3), np.uint8), 0)
        except UserError:
            return False
        return True


def _named(name: str, info: ClassInfo | None) -> ClassName:
    info = info or ClassInfo()
    return ClassName(name=name, title=info.title or name, group=info.group)
