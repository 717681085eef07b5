"""Examples of an evaluation: its errors, and the images that are most unlike the training ones."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from jaxtyping import Float
from lightning_fabric import Fabric
from numpy import ndarray
from PIL import Image

from twinlens.data.dataset import Dataset
from twinlens.errors import UserError
from twinlens.evaluation.trust.trained import TrainedNetwork
from twinlens.inference.explain import grad_cam
from twinlens.inference.test_time import Probabilities
from twinlens.models.bundle import Bundle
from twinlens.models.embedding_index import EmbeddingIndex
from twinlens.records.examples import (
    EXAMPLES,
    PICTURES,
    Example,
    Examples,
    Kind,
    NearestImage,
)
from twinlens.types import PackedImages, Rows
from twinlens.views.view import clean_view

COUNT = 12
"""Examples of each kind and data set, the most extreme ones."""

OF_CLASS = 3
"""Examples of each class that each kind has at least, as far as there are any."""

NEAREST = 3
_SIDE, _NEAREST_SIDE = 256, 96  # largest sides of stored pictures
_BATCH = 16


@dataclass(frozen=True)
class Evaluated:
    """The evaluated images of one data set, and what was found for each.

    Attributes:
        name: Name of the data set within the evaluation.
        ids: Id of each image.
        groups: Its group.
        images: From places among these images to their pixels.
        labels: Class number of each image; -1 where it is not known.
        probabilities: Shape (image, class).
        features: Features of the index's encoder.
        unlike: Score of being unlike the training images; None if it was not computed.
    """

    name: str
    ids: Sequence[str]
    groups: Sequence[str]
    images: Callable[[Rows], PackedImages]
    labels: Rows
    probabilities: Probabilities
    features: Float[ndarray, "image feature"]
    unlike: Float[ndarray, " image"] | None


@dataclass(frozen=True)
class Explained:
    """Examples, their places by kind, and their pictures; see `twinlens.records.examples`."""

    examples: list[Example]
    kinds: dict[Kind, list[int]]
    images: PackedImages
    heat: ndarray
    nearest: ndarray
    threshold: float | None
    note: str


def kinds_of(
    labels: Rows,
    probabilities: Probabilities,
    groups: Sequence[str],
    unlike: Float[ndarray, " image"] | None = None,
) -> dict[Kind, list[int]]:
    """Choose examples of each kind, the most extreme first, one of each group.

    They are the `COUNT` most extreme ones, and the `OF_CLASS` most extreme of each class.

    Args:
        labels: Class number of each image, shape (image,).
        probabilities: Shape (image, class).
        groups: Name of each image's group.
        unlike: Score of being unlike the training images, if it is known.
    """
    errors = np.flatnonzero(probabilities.argmax(axis=1) != labels)
    of_label = probabilities[np.arange(len(labels)), labels]

    def first(rows: Rows, key: Float[ndarray, " image"]) -> list[int]:
        ordered = rows[np.argsort(key[rows], kind="stable")]
        repeated = pd.Series([groups[row] for row in ordered.tolist()]).duplicated()
        ordered = ordered[~repeated.to_numpy()]
        own = pd.Series(labels[ordered])
        rank = own.groupby(own).cumcount().to_numpy()  # within the class
        chosen: list[int] = ordered[(np.arange(len(own)) < COUNT) | (rank < OF_CLASS)].tolist()
        return chosen

    kinds: dict[Kind, list[int]] = {
        "worst errors": first(errors, of_label),
        "most confident errors": first(errors, -probabilities.max(axis=1)),
    }
    if unlike is not None:
        kinds["most unlike the training images"] = first(np.arange(len(labels)), -unlike)
    return kinds


def explain(
    sets: Sequence[Evaluated],
    trained: TrainedNetwork,
    choose: Callable[[Evaluated], dict[Kind, list[int]]] | None = None,
) -> Explained:
    """Choose examples of each data set, and explain their predictions.

    Args:
        sets: The evaluated images of each data set.
        trained: The network, and the images that it was trained on.
        choose: From the images of a data set to the places of its examples; None for `kinds_of`.
    """
    bundle, index = trained.bundle, trained.index
    threshold = trained.unlike.threshold if trained.unlike else None
    examples: list[Example] = []
    kinds: dict[Kind, list[int]] = {}
    pictures: list[PackedImages] = []
    nearest: list[PackedImages] = []
    predicted: list[Rows] = []
    show_training = _Pictures(trained.data, _NEAREST_SIDE)
    for each in sets:
        if choose:
            chosen = choose(each)
        else:
            chosen = kinds_of(each.labels, each.probabilities, each.groups, each.unlike)
        places = list(dict.fromkeys(place for some in chosen.values() for place in some))
        for kind, some in chosen.items():
            kinds.setdefault(kind, []).extend(len(examples) + places.index(at) for at in some)
        if not places:
            continue
        found = index.nearest(each.features[places], NEAREST)
        examples += _described(each, places, bundle, index, found.places, found.distances)
        pictures.append(_sized(each.images(np.array(places)), bundle.info.size))
        nearest += [show_training([index.ids[i] for i in row]) for row in found.places]
        predicted.append(each.probabilities[places].argmax(axis=1))
    if not examples:
        nothing = np.zeros((0, 1, 1, 3), np.uint8)
        return Explained([], kinds, nothing, nothing[..., 0], nothing, threshold, "")
    images = np.concatenate(pictures)
    heat, note = _heat(bundle, images, np.concatenate(predicted), trained.fabric)
    side = min(_SIDE, bundle.info.size)
    pictures_of_nearest = np.stack(nearest)
    return Explained(
        examples, kinds, _sized(images, side), heat, pictures_of_nearest, threshold, note
    )


def write_examples(folder: Path, explained: Explained) -> None:
    """Write the examples and their pictures into a folder."""
    record = Examples(
        examples=explained.examples,
        kinds=explained.kinds,
        threshold=explained.threshold,
        note=explained.note,
    )
    np.savez_compressed(
        folder / PICTURES,
        images=explained.images,
        heat=explained.heat,
        nearest=explained.nearest,
    )
    record.write(folder / EXAMPLES)


def _described(
    each: Evaluated,
    places: list[int],
    bundle: Bundle,
    index: EmbeddingIndex,
    nearest: ndarray,
    distances: ndarray,
) -> list[Example]:
    classes, described = bundle.info.classes, []
    for number, place in enumerate(places):
        p, label = each.probabilities[place], each.labels[place]
        near = [
            NearestImage(id=index.ids[i], label=index.labels[i], distance=float(distance))
            for i, distance in zip(nearest[number], distances[number], strict=True)
        ]
        described.append(
            Example(
                id=each.ids[place],
                data=each.name,
                label=classes[label] if label >= 0 else None,
                predicted=classes[p.argmax()],
                probability=float(p.max()),
                probability_of_label=float(p[label]) if label >= 0 else None,
                unlike=None if each.unlike is None else float(each.unlike[place]),
                nearest=near,
            )
        )
    return described


def _heat(
    bundle: Bundle, images: PackedImages, classes: Rows, fabric: Fabric
) -> tuple[ndarray, str]:
    """Return what speaks for the predicted classes, 0 to 255; none, and why, if that is unknown."""
    parts, side = [], min(_SIDE, bundle.info.size)
    try:
        for start in range(0, len(images), _BATCH):
            batch = slice(start, start + _BATCH)
            x = torch.from_numpy(images[batch]).permute(0, 3, 1, 2).to(fabric.device) / 255
            of_batch = torch.from_numpy(classes[batch]).to(fabric.device)
            heat = grad_cam(bundle.encoder, bundle.head, x, of_batch)
            parts.append(clean_view(heat[:, None].expand(-1, 3, -1, -1), side)[:, 0].cpu())
    except UserError as error:
        return np.zeros((0, side, side), np.uint8), str(error)
    return (torch.cat(parts) * 255).round().byte().numpy(), ""


def _sized(images: PackedImages, side: int) -> PackedImages:
    if images.shape[1] == side:
        return images
    resized = [Image.fromarray(image).resize((side, side)) for image in images]
    return np.stack([np.asarray(image) for image in resized])


class _Pictures:
    """Small pictures of a data set's images by id."""

    def __init__(self, data: Dataset, side: int) -> None:
        self._data = data
        self._rows = pd.Index(data.table["id"])
        self._side = min(side, data.size)

    def __call__(self, ids: Sequence[str]) -> PackedImages:
        return _sized(self._data.images[self._rows.get_indexer(pd.Index(ids))], self._side)
