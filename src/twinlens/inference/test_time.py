"""Class probabilities of images, averaged over views: test-time augmentation, and ensembles."""

import zlib
from collections.abc import Iterable, Iterator, Mapping
from contextlib import nullcontext
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float
from lightning_fabric import Fabric
from numpy import ndarray
from torch import Tensor, nn

from twinlens.data.batches import Reader
from twinlens.errors import UserError
from twinlens.inference.forward import Autocast, eval_mode, in_batches
from twinlens.models.bundle import load_bundle
from twinlens.models.encoders import Encoder
from twinlens.records.bundle import BundleInfo, TestTimeAugmentation
from twinlens.types import Features, Images, Rows
from twinlens.views.view import clean_view, normalise, view

Probabilities = Float[ndarray, "image class"]

ClassProbabilities = Float[Tensor, "batch class"]


def predict_probabilities(
    encoder: Encoder,
    head: nn.Module,
    read: Reader,
    rows: Rows,
    *,
    tta: TestTimeAugmentation,
    size: int,
    batch_size: int,
    autocast: Autocast = nullcontext,
) -> Probabilities:
    """Average the softmax over views of each image.

    View k of an image depends on the seed, k and its pixels alone, not on its row or batch: an
    image gets the same probabilities in evaluation and from a file. The networks are in eval mode
    meanwhile, and as they were afterwards.

    Args:
        encoder: From normalised images to features.
        head: From features to logits.
        read: Function of row numbers that returns images in [0, 1] on the encoder's device.
        rows: Images to predict, in any order.
        tta: The views.
        size: Side of the views in pixels.
        batch_size: Images at a time.
        autocast: Context of the encoder's forward pass. Head and softmax are in fp32 all the same,
            since the head of a linear probe subtracts large numbers.

    Returns:
        float32 probabilities, shape (image, class), in the order of `rows`.

    Raises:
        UserError: There are no images.
    """
    with eval_mode(encoder, head):

        def probabilities(images: Images) -> ClassProbabilities:
            views = features_of_views(encoder, images, tta=tta, size=size, autocast=autocast)
            return mean_softmax(head, views)

        return in_batches(probabilities, read, rows, batch_size, "Predicting")


def features_of_views(
    encoder: Encoder,
    images: Images,
    *,
    tta: TestTimeAugmentation,
    size: int,
    autocast: Autocast = nullcontext,
) -> Iterator[Features]:
    """Yield the features of each view of images; arguments as for `predict_probabilities`."""

    def features(x: Images) -> Features:
        with autocast():
            found: Features = encoder(normalise(x, encoder.mean, encoder.std))
        return found

    if tta.clean:
        yield features(clean_view(images, size))
    drawn = range(1 + tta.clean, tta.views + 1)
    if not drawn:
        return
    keys, recipe = _content_keys(images), tta.recipe
    for n in drawn:
        yield features(
            view(images, keys, recipe=recipe, seed=tta.seed, step=0, number=n, size=size)
        )


def mean_softmax(head: nn.Module, views: Iterable[Features]) -> ClassProbabilities:
    """Return the mean of the probabilities that a head gives to views, in fp32."""
    mean: Tensor = torch.stack([head(view.float()).softmax(dim=1) for view in views]).mean(dim=0)
    return mean


def with_views(members: Mapping[Path, BundleInfo], views: int | None) -> dict[Path, BundleInfo]:
    """Return the descriptions of bundles with another number of views; None for their own.

    A single view is the image alone, whatever the first of several is.

    Raises:
        UserError: There are less than one.
    """
    if views is None:
        return dict(members)
    if views < 1:
        raise UserError(f"--tta {views} must be 1 or more: 1 is the image alone.")
    changed = {}
    for folder, info in members.items():
        update = {"views": views, "clean": info.test_time.clean or views == 1}
        test_time = info.test_time.model_copy(update=update)
        changed[folder] = info.model_copy(update={"test_time": test_time})
    return changed


def predict_ensemble(
    members: Mapping[Path, BundleInfo],
    read: Reader,
    rows: Rows,
    *,
    batch_size: int,
    fabric: Fabric,
) -> Probabilities:
    """Average the probabilities of a model's bundles, each with its own test-time augmentation.

    Bundles are loaded one after another, so that memory holds one at a time.

    Args:
        members: See `twinlens.models.ensemble.read_members`.
        read: As for `predict_probabilities`.
        rows: Images to predict.
        batch_size: Images at a time.
        fabric: Gives device and precision.
    """
    by_member = []
    for folder, info in members.items():
        bundle = load_bundle(folder)
        probabilities = predict_probabilities(
            bundle.encoder.to(fabric.device),
            bundle.head.to(fabric.device),
            read,
            rows,
            tta=info.test_time,
            size=info.size,
            batch_size=batch_size,
            autocast=fabric.autocast,
        )
        by_member.append(probabilities)
    mean: Probabilities = np.mean(by_member, axis=0)
    return mean


def _content_keys(images: Images) -> Rows:
    """Return a number for each image that its pixels alone determine."""
    pixels = (images * 255).round().byte().permute(0, 2, 3, 1).contiguous().cpu().numpy()
    return np.array([zlib.crc32(image) for image in pixels])
