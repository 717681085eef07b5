"""A trained model in plain torch: a module from images to probabilities, and its transform."""

from collections.abc import Sequence
from pathlib import Path

import torch
from jaxtyping import Float
from PIL import Image
from torch import Tensor, nn

from twinlens.errors import UserError
from twinlens.importing.decode import ImageError, check_size, decode, square, upright_rgb
from twinlens.models.bundle import Bundle, load_bundle
from twinlens.models.ensemble import read_members, read_temperature
from twinlens.models.pull import local_model
from twinlens.records.bundle import BundleInfo
from twinlens.types import Images
from twinlens.views.view import normalise

LEAST = 1e-12
"""The smallest probability that temperature scaling tells from 0."""

ClassProbabilities = Float[Tensor, "batch class"]


class Classifier(nn.Module):
    """Encoder and head of a bundle, from images in [0, 1] to probabilities."""

    def __init__(self, bundle: Bundle) -> None:
        super().__init__()
        self.encoder = bundle.encoder
        self.head = bundle.head

    def forward(self, images: Images) -> ClassProbabilities:
        """Return the probabilities without temperature."""
        features = self.encoder(normalise(images, self.encoder.mean, self.encoder.std))
        probabilities: ClassProbabilities = self.head(features).softmax(dim=1)
        return probabilities


class Model(nn.Module):
    """What a trained model is for others: images in [0, 1] to probabilities of the classes.

    The probabilities are those of `twinlens predict --tta 1`: of the image alone, averaged over
    the members of an ensemble, with the temperature.

    Attributes:
        members: The network, or those of an ensemble.
        classes: Names of the classes, in the order of the probabilities.
        size: Side of the images in pixels.
        temperature: T; None where none is applied.
    """

    def __init__(
        self, members: Sequence[Bundle], info: BundleInfo, temperature: float | None
    ) -> None:
        super().__init__()
        self.members = nn.ModuleList(Classifier(bundle) for bundle in members)
        self.classes, self.size, self.temperature = tuple(info.classes), info.size, temperature

    def forward(self, images: Images) -> ClassProbabilities:
        """Return softmax(log p / T), shape (n, classes), p averaged over the members.

        For a single network that is the softmax of its logits / T.

        Args:
            images: RGB in [0, 1], shape (n, 3, size, size), as the transform makes them.
        """
        p: Tensor = torch.stack([member(images) for member in self.members]).mean(dim=0)
        if self.temperature is None:
            return p
        return (p.clamp(min=LEAST).log() / self.temperature).softmax(dim=1)


class Transform:
    """From an image to what a model takes, exactly as predict reads files.

    Attributes:
        size: Side in pixels.
    """

    def __init__(self, size: int) -> None:
        self.size = size

    def __call__(self, image: Image.Image | Path | str) -> Float[Tensor, "3 side side"]:
        """Return the largest centred square, resized: RGB in [0, 1], shape (3, size, size).

        Args:
            image: A file, read as predict reads it; or an image of Pillow, turned upright by its
                EXIF orientation, of which all pixels count, also where it is large.

        Raises:
            UserError: It is no image, is damaged, or is too small or too large.
        """
        try:
            if isinstance(image, Image.Image):
                check_size(*image.size)
                rgb = upright_rgb(image)
            else:
                rgb = decode(Path(image).read_bytes(), side=self.size)
        except ImageError as error:
            where = f"The image {image}" if isinstance(image, Path | str) else "The image"
            raise UserError(f"{where} cannot be used: {error}.") from error
        pixels = torch.from_numpy(square(rgb, self.size).copy())
        return pixels.permute(2, 0, 1).float().div(255)


def load_model(model: Path | str) -> tuple[Model, Transform]:
    """Load a trained model as a plain module on the CPU, in eval mode and fp32, and its transform.

    Args:
        model: Folder of a bundle or of an ensemble: a run's model/, or a study's best/; or
            ``hf-hub:OWNER/NAME``.

    Raises:
        UserError: It is neither, or is damaged, incomplete or of a newer version.
    """
    folder = local_model(model)
    members = read_members(folder)
    first, *_ = members.values()
    bundles = [load_bundle(member) for member in members]
    loaded = Model(bundles, first, read_temperature(folder))
    return loaded.eval(), Transform(first.size)
