"""The table of published weights, `published.yaml`: where each file is and how it is verified."""

from importlib.resources import files

import yaml

from twinlens.config import Config
from twinlens.models.encoders import IMAGENET_MEAN, IMAGENET_STD
from twinlens.types import RGB

SUM_TOLERANCE = 0.05
"""The published sums were added in float32: the order of addition changes them by up to .03."""


class Published(Config):
    """A file with the weights of an encoder, pretrained on ImageNet-1k.

    Attributes:
        address: URL of the file.
        encoder: Name of the encoder, as `build_encoder` takes it.
        keys: How it names its tensors.
        source: The recipe in a sentence, and who published it.
        licence: Its licence, as the publisher's repository states it.
        size: In bytes; null if unknown.
        sha256: The hex digest of its content, or how it begins.
        total: Sum of all of the encoder's parameters; null if unknown.
        mean: Normalisation of the images that it was trained on, in [0, 1].
        std: Likewise.
    """

    address: str
    encoder: str
    keys: str
    source: str
    licence: str
    size: int | None = None
    sha256: str = ""
    total: float | None = None
    mean: RGB = IMAGENET_MEAN
    std: RGB = IMAGENET_STD


WEIGHTS: dict[str, Published] = {
    name: Published.model_validate(entry)
    for name, entry in yaml.safe_load((files(__package__) / "published.yaml").read_text()).items()
}
