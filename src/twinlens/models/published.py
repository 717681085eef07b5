"""The table of published weights, `published.yaml`: where each file is and how it is verified."""

from importlib.resources import files
from typing import Any

import yaml
from pydantic import model_validator

from twinlens.config import Config
from twinlens.models.hub import CLIP_FILES, TIMM_FILES
from twinlens.types import RGB

SUM_TOLERANCE = 0.05
"""The published sums were added in float32: the order of addition changes them by up to .03."""


class TrainingImages(Config):
    """What weights were trained on.

    Attributes:
        title: Name and size of the data set.
        may_have_seen: Images of users that it may include; null if there is no reason to think so.
    """

    title: str
    may_have_seen: str | None = None


class Published(Config):
    """The published weights of an encoder: a file at an address, or in a repository of the hub.

    Attributes:
        encoder: Name of the encoder, as `build_encoder` takes it.
        address: URL of the file; null if it is on the hub.
        hub: Repository of the hub, ``OWNER/NAME``; null if the file has an address of its own.
        keys: How it names its tensors.
        source: The recipe in a sentence, and who published it.
        licence: Its licence, as the publisher states it.
        gated: Address where the licence has to be accepted; the file is then not downloaded.
        images: What it was trained on: names in `IMAGES`, joined as in timm's tags.
        size: In bytes; null if unknown.
        sha256: The hex digest of its content, or how it begins. A file at an address must have it;
            any file that has it is recognised.
        total: Sum of all of the encoder's parameters; null if unknown.
        mean: Normalisation of the images that it was trained on, in [0, 1]; null for the encoder's.
        std: Likewise.
    """

    encoder: str
    address: str | None = None
    hub: str | None = None
    keys: str
    source: str
    licence: str
    gated: str | None = None
    images: str = "in1k"
    size: int | None = None
    sha256: str = ""
    total: float | None = None
    mean: RGB | None = None
    std: RGB | None = None

    @model_validator(mode="after")
    def _one_place(self) -> "Published":
        if (self.address is None) == (self.hub is None):
            raise ValueError("an entry has either an address or a repository of the hub")
        return self

    @property
    def repository(self) -> str:
        """The repository of the hub; empty for an address."""
        return self.hub or ""

    @property
    def files(self) -> tuple[str, ...]:
        """Names that the file in the repository may have."""
        return CLIP_FILES if self.keys.startswith("open_clip") else TIMM_FILES

    @property
    def place(self) -> str:
        """The address, or ``hf-hub:OWNER/NAME``."""
        return self.address or f"hf-hub:{self.hub}"


def _table(name: str) -> dict[str, Any]:
    content: dict[str, Any] = yaml.safe_load(files(__package__).joinpath(name).read_text("utf-8"))
    return content


IMAGES: dict[str, TrainingImages] = {
    name: TrainingImages.model_validate(entry)
    for name, entry in _table("training_images.yaml").items()
}

WEIGHTS: dict[str, Published] = {
    name: Published.model_validate(entry) for name, entry in _table("published.yaml").items()
}


def images_of_tag(tag: str) -> list[TrainingImages]:
    """Return what the parts of one of timm's tags tell about the training, such as fb_in22k."""
    return [IMAGES[part] for part in tag.split("_") if part in IMAGES]
