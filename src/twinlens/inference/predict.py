"""Probabilities of images, averaged over views (test-time augmentation), and features."""

import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from jaxtyping import Float
from lightning_fabric import Fabric
from numpy import ndarray
from torch import Tensor, nn

from twinlens.console import progress
from twinlens.data.batches import Reader, reader
from twinlens.data.dataset import Dataset
from twinlens.errors import UserError
from twinlens.models.bundle import load_bundle
from twinlens.models.encoders import Encoder
from twinlens.records.bundle import BundleInfo, TestTimeAugmentation
from twinlens.types import Features, Images, Rows
from twinlens.views.recipe import ViewRecipe
from twinlens.views.view import clean_view, normalise, view

Probabilities = Float[ndarray, "image class"]

Autocast = Callable[[], AbstractContextManager[object]]
"""Returns the context of a forward pass, such as the method `autocast` of Fabric."""


def predict(
    encoder: Encoder,
    head: nn.Module,
    read: Reader,
    rows: Rows,
    *,
    size: int,
    recipe: ViewRecipe | None,
    views: int,
    clean: bool,
    seed: int,
    batch_size: int,
    autocast: Autocast = nullcontext,
) -> Probabilities:
    """Average the softmax over views of each image.

    View k of an image depends on seed, k and its pixels alone, not on its row or batch: the same
    picture gets the same probabilities in evaluation and from a file. The
    networks are in eval mode meanwhile, and as they were afterwards.

    Args:
        encoder: From normalised images to features.
        head: From features to logits.
        read: Function of row numbers that returns images in [0, 1] on the encoder's device, such
            as `images` of `twinlens.data.batches.Batches`.
        rows: Images to predict, in any order.
        size: Side of the views in pixels.
        recipe: What the drawn views are drawn from; None: every view is the clean one.
        views: Number of views, 1 or more.
        clean: Whether the first view is the clean one, only resized.
        seed: Seed of the drawn views.
        batch_size: Images at a time.
        autocast: See `Autocast`. Head and softmax are in fp32 all the same, since a probe's head
            subtracts large numbers.

    Returns:
        float32 probabilities, shape (image, class), in the order of `rows`.

    Raises:
        UserError: There are no images.
    """

    def probabilities(images: Images, _batch: Rows) -> Tensor:
        outputs, keys = [], _content_keys(images)
        for number in range(1, views + 1):
            if recipe is None or (clean and number == 1):
                x = clean_view(images, size)
            else:
                x = view(images, keys, recipe=recipe, seed=seed, step=0, number=number, size=size)
            with autocast():
                features = encoder(normalise(x, encoder.mean, encoder.std))
            outputs.append(head(features.float()).softmax(dim=1))
        return torch.stack(outputs).mean(dim=0)

    with eval_mode(encoder, head):
        return _in_batches(probabilities, read, rows, batch_size, "Predicting")


def predict_as_stored(
    encoder: Encoder,
    head: nn.Module,
    read: Reader,
    rows: Rows,
    *,
    tta: TestTimeAugmentation,
    size: int,
    batch_size: int,
    fabric: Fabric,
) -> Probabilities:
    """Predict with the test-time views that a bundle's `tta` names; the rest as for `predict`."""
    return predict(
        encoder,
        head,
        read,
        rows,
        size=size,
        recipe=tta.recipe,
        views=tta.views,
        clean=tta.clean,
        seed=tta.seed,
        batch_size=batch_size,
        autocast=fabric.autocast,
    )


def predict_members(
    members: Mapping[Path, BundleInfo],
    read: Reader,
    rows: Rows,
    *,
    batch_size: int,
    fabric: Fabric,
) -> Probabilities:
    """Average the probabilities of a model's bundles, each with its own test-time views.

    Bundles are loaded one after another, so that memory holds one at a time.

    Args:
        members: See `twinlens.models.ensemble.read_members`.
        read: As for `predict`.
        rows: Images to predict.
        batch_size: Images at a time.
        fabric: The engine.
    """
    each = []
    for folder, info in members.items():
        bundle = load_bundle(folder)
        probabilities = predict_as_stored(
            bundle.encoder.to(fabric.device),
            bundle.head.to(fabric.device),
            read,
            rows,
            tta=info.test_time,
            size=info.size,
            batch_size=batch_size,
            fabric=fabric,
        )
        each.append(probabilities)
    mean: Probabilities = np.mean(each, axis=0)
    return mean


def embed(
    encoder: Encoder,
    read: Reader,
    rows: Rows,
    *,
    size: int,
    batch_size: int,
    autocast: Autocast = nullcontext,
) -> Float[ndarray, "image feature"]:
    """Return the encoder's features of each image's clean view; arguments as for `predict`."""

    def features(images: Images, _batch: Rows) -> Features:
        with autocast():
            result: Features = encoder(
                normalise(clean_view(images, size), encoder.mean, encoder.std)
            )
        return result

    with eval_mode(encoder):
        return _in_batches(features, read, rows, batch_size, "Computing features")


def embed_rows(
    encoder: Encoder, data: Dataset, rows: Rows, fabric: Fabric, *, batch_size: int = 256
) -> Float[ndarray, "image feature"]:
    """Return the features of images of a data set; the encoder is on the engine's device."""
    return embed(
        encoder,
        reader(data.images, rows, fabric.device),
        rows,
        size=data.size,
        batch_size=batch_size,
        autocast=fabric.autocast,
    )


def predictions_table(
    dataset: Dataset, rows: Rows, split: str | Sequence[str], probabilities: Probabilities
) -> pd.DataFrame:
    """Arrange predictions for ``predictions.parquet``.

    Args:
        dataset: Where the images are from.
        rows: Row number of each image, shape (image,).
        split: The split that all of them, or each of them, belong to.
        probabilities: Shape (image, class).

    Returns:
        Columns id, label, group, split, and ``p_<class>`` for each class.
    """
    known = dataset.table[["id", "label", "group"]].iloc[rows].reset_index(drop=True)
    columns = [f"p_{name}" for name in dataset.classes]
    return known.assign(split=split).join(pd.DataFrame(probabilities, columns=columns))


def _content_keys(images: Images) -> Rows:
    """Return a number for each image that its pixels alone determine."""
    pixels = (images * 255).round().byte().permute(0, 2, 3, 1).contiguous().cpu().numpy()
    return np.array([zlib.crc32(image) for image in pixels])


@torch.inference_mode()
def _in_batches(
    output: Callable[[Images, Rows], Tensor],
    read: Reader,
    rows: Rows,
    batch_size: int,
    title: str,
) -> Float[ndarray, "image output"]:
    if not len(rows):
        raise UserError("There are no images to predict: look at the split's counts.")
    parts = []
    with progress(title, len(rows)) as show:
        for start in range(0, len(rows), batch_size):
            batch = rows[start : start + batch_size]
            parts.append(output(read(batch), batch).float().cpu().numpy())
            show(start + len(batch), "")
    return np.concatenate(parts)


@contextmanager
def eval_mode(*modules: nn.Module) -> Iterator[None]:
    """Put modules into eval mode and each of their parts back into its own mode afterwards."""
    before = [(part, part.training) for module in modules for part in module.modules()]
    for module in modules:
        module.eval()
    try:
        yield
    finally:
        for part, training in before:
            part.training = training
