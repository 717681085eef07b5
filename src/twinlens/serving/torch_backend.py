"""A bundle or an ensemble, run by torch."""

from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float
from numpy import ndarray

import twinlens
from twinlens.engine.device import make_fabric
from twinlens.errors import UserError
from twinlens.inference.explain import grad_cam
from twinlens.inference.predictor import Predictor
from twinlens.models.embedding_index import Nearest
from twinlens.records.dataset import ClassInfo
from twinlens.serving.answers import About, ClassName
from twinlens.serving.backend import LIMITS, Neighbour, Prediction
from twinlens.types import PackedImage, PackedImages


class TorchBackend:
    """A model in torch, in fp32.

    Args:
        folder: A bundle or an ensemble.
        device: auto, cpu, cuda or mps.
        tta: Views of test-time augmentation; None for the model's own number.

    Raises:
        UserError: It is neither, or is damaged, or there is no such device.
    """

    def __init__(self, folder: Path, device: str, tta: int | None = None) -> None:
        fabric = make_fabric("fp32", device)
        self._predictor = Predictor(folder, fabric, tta=tta)
        self._device = fabric.device
        info, sets = self._predictor.info, self._predictor.prediction_sets
        self.about = About(
            classes=[_named(name, info.class_info.get(name)) for name in info.classes],
            size=info.size,
            temperature=self._predictor.temperature,
            training_data=info.provenance.trained_on.data_hash,
            version=twinlens.__version__,
            coverage=None if sets is None else sets.coverage,
            unlike_training=self._predictor.index is not None and info.unlike_threshold is not None,
            nearest=self._predictor.index is not None,
            grad_cam=self._can_explain(info.size),
            limits=f"{LIMITS} {info.notice}".strip(),
        )

    def answer(self, pixels: PackedImages) -> list[Prediction]:
        """Predict squares of the model's size."""
        found = self._predictor.answer(pixels)
        names = np.array(self._predictor.info.classes)
        return [
            Prediction(
                probabilities=found.probabilities[i],
                prediction_set=None if found.sets is None else tuple(names[found.sets[i]].tolist()),
                unlike_training=None if found.unlike is None else bool(found.unlike[i]),
                distance=None if found.distance is None else float(found.distance[i]),
                nearest=() if found.nearest is None else self._neighbours(found.nearest, i),
            )
            for i in range(len(pixels))
        ]

    def heat(self, pixels: PackedImage, label: int) -> Float[ndarray, "height width"]:
        """Return Grad-CAM of a class, from 0 to 1, averaged over an ensemble."""
        images = torch.tensor(pixels[None], device=self._device).permute(0, 3, 1, 2).float() / 255
        labels = torch.tensor([label], device=self._device)
        members = self._predictor.members
        heats = [grad_cam(each.encoder, each.head, images, labels) for each in members]
        mean: Float[ndarray, "height width"] = torch.stack(heats).mean(dim=0)[0].cpu().numpy()
        return mean

    def _neighbours(self, found: Nearest, image: int) -> tuple[Neighbour, ...]:
        index = self._predictor.index
        assert index is not None
        places, distances = found.places[image].tolist(), found.distances[image].tolist()
        return tuple(
            Neighbour(index.ids[place], index.labels[place], distance)
            for place, distance in zip(places, distances, strict=True)
        )

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
