"""A trained model that answers batches of images: for predicting files, and for serving."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Bool, Float
from lightning_fabric import Fabric
from numpy import ndarray

from twinlens.inference.prediction_sets import Sets, sets_of
from twinlens.inference.temperature import scaled
from twinlens.inference.test_time import (
    Probabilities,
    features_of_views,
    mean_softmax,
    with_views,
)
from twinlens.inference.unlike_training import K, kth_distance
from twinlens.models.bundle import Bundle, load_bundle, load_index
from twinlens.models.embedding_index import EmbeddingIndex, Nearest
from twinlens.models.ensemble import read_members, read_prediction_sets, read_temperature
from twinlens.records.bundle import BundleInfo
from twinlens.types import Features, Images, PackedImages
from twinlens.views.view import clean_view, normalise


@dataclass(frozen=True)
class Answers:
    """What a model says of some images.

    Attributes:
        probabilities: With the model's temperature, shape (image, class).
        raw: Without it.
        sets: Which classes are in the prediction set; None where the model has no thresholds.
        features: Of the first network, of the images themselves.
        distance: Distance of these to those of the training images; None without an index.
        unlike: Whether the image is unlike the training images; None without a threshold.
        nearest: The nearest training images, as places in the index; None without an index.
    """

    probabilities: Probabilities
    raw: Probabilities
    sets: Sets | None
    features: Float[ndarray, "image feature"]
    distance: Float[ndarray, " image"] | None
    unlike: Bool[ndarray, " image"] | None
    nearest: Nearest | None


class Predictor:
    """A model, loaded once.

    Attributes:
        members: Its networks, on Fabric's device, each with the number of views wanted.
        info: Description of the first, whose classes and size are those of all.
        temperature: Temperature of the averaged probabilities; None for none.
        index: The labelled training images of the first network; None where it carries none.
        prediction_sets: Thresholds of its prediction sets; None where it carries none.

    Args:
        model: Folder of a bundle or of an ensemble.
        fabric: Gives device and precision.
        tta: Views of test-time augmentation; None for the model's own number.
        by_class: Whether the coverage of the sets is to hold within each class.

    Raises:
        UserError: It is neither, or is damaged; or `tta` is less than 1.
    """

    def __init__(
        self, model: Path, fabric: Fabric, *, tta: int | None = None, by_class: bool = False
    ) -> None:
        described = with_views(read_members(model), tta)
        self.members = [_load(path, info, fabric) for path, info in described.items()]
        self.info = self.members[0].info
        self.temperature = read_temperature(model)
        self.index: EmbeddingIndex | None = load_index(next(iter(described)), self.info)
        self.prediction_sets = read_prediction_sets(model)
        self._by_class = by_class
        self._fabric = fabric

    def answer(self, pixels: PackedImages, *, neighbours: int = K) -> Answers:
        """Predict images.

        Args:
            pixels: uint8, shape (n, size, size, 3), with the model's size.
            neighbours: Nearest training images that are wanted, at least.
        """
        p, features = self._outputs(pixels)
        probabilities = scaled(p, self.temperature or 1.0)
        sets = distance = unlike = nearest = None
        if self.prediction_sets is not None:
            classes = self.info.classes
            sets = sets_of(self.prediction_sets, classes, probabilities, by_class=self._by_class)
        if self.index is not None:
            nearest = self.index.nearest(features, max(neighbours, K))
            distance = kth_distance(nearest)
            if self.info.unlike_threshold is not None:
                unlike = distance > self.info.unlike_threshold
        return Answers(probabilities, p, sets, features, distance, unlike, nearest)

    @torch.inference_mode()
    def _outputs(
        self, pixels: PackedImages
    ) -> tuple[Probabilities, Float[ndarray, "image feature"]]:
        """Return the probabilities, averaged over the members, and the features of the first."""
        copied = torch.from_numpy(np.array(pixels))  # they may be read-only
        images: Images = copied.permute(0, 3, 1, 2).to(self._fabric.device).float().div_(255)
        first, *others = self.members
        views = [*self._views(first, images)]
        outputs = [mean_softmax(first.head, views)]
        outputs += [mean_softmax(each.head, self._views(each, images)) for each in others]
        p = torch.stack(outputs).mean(dim=0)
        own = views[0] if first.info.test_time.clean else self._features(first, images)
        return p.cpu().numpy(), own.float().cpu().numpy()

    def _views(self, member: Bundle, images: Images) -> Iterator[Features]:
        return features_of_views(
            member.encoder,
            images,
            tta=member.info.test_time,
            size=member.info.size,
            autocast=self._fabric.autocast,
        )

    def _features(self, member: Bundle, images: Images) -> Features:
        encoder = member.encoder
        with self._fabric.autocast():
            views = normalise(clean_view(images, member.info.size), encoder.mean, encoder.std)
            features: Features = encoder(views)
        return features


def _load(folder: Path, info: BundleInfo, fabric: Fabric) -> Bundle:
    bundle = load_bundle(folder)
    bundle.encoder.to(fabric.device)
    bundle.head.to(fabric.device)
    return replace(bundle, info=info)
