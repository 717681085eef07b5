"""Where weights come from: what a run started with, and the header of a pretrained encoder."""

from typing import Literal

from pydantic import Field

from twinlens.records.base import Record
from twinlens.types import RGB

HeldOutPart = Literal["val", "test"]


class Normalisation(Record):
    """Mean and standard deviation of the red, green and blue channel, images in [0, 1]."""

    mean: RGB
    std: RGB


class TrainedOn(Record):
    """The data that a training or a pretraining was run on.

    Attributes:
        data_hash: Hash of the data set.
        split_hash: Hash of the split.
        transductive: Whether it saw the validation and test images, without their labels.
    """

    data_hash: str
    split_hash: str
    transductive: bool = False


class WeightsOrigin(Record):
    """Where published weights come from.

    Attributes:
        source: The file's address, or ``hf-hub:OWNER/NAME``.
        licence: As the publisher states it; null if unknown.
        input_size: Side of the images that they were trained on, in pixels; null if unknown.
        normalisation: Normalisation of these images.
        interpolation: How they were brought to their size.
        images: What they were trained on; null if unknown.
        warning: A sentence, where these images may include the user's; else null.
    """

    source: str
    licence: str | None = None
    input_size: int | None = None
    normalisation: Normalisation
    interpolation: str
    images: str | None = None
    warning: str | None = None


class InitialWeights(Record):
    """The weights that a run started from.

    Attributes:
        name: "random", "pretrained" (what the encoder's publisher offers), a name in `WEIGHTS`, or
            a file.
        sha256: Hash of the file; null for random weights.
        matched: Number of tensors that were loaded.
        dropped: Names of the file's tensors that were left out, such as a classifier's.
        origin: Who published them, or those that their pretraining started from; else null.
        history: What the weights had been trained on by Twinlens, the latest first.
        recognised: Number of validation and test images that a pretraining saw in another data set,
            such as one of other size; empty if there were none, or nothing to recognise them by.
    """

    name: str
    sha256: str | None = None
    matched: int = 0
    dropped: tuple[str, ...] = ()
    origin: WeightsOrigin | None = None
    history: tuple[TrainedOn, ...] = ()
    recognised: dict[HeldOutPart, int] = Field(default={})


class EncoderHeader(Record):
    """The header of ``encoder.safetensors``, as JSON under its key "twinlens".

    Attributes:
        version: Version of Twinlens.
        encoder: Name of the encoder.
        method: Method of the pretraining.
        epochs: Its epochs, the projector's own phase left out.
        kept: Step that the weights are of, such as the last one or that of the best probe.
        stopped: Why the pretraining ended early; null if it did not.
        images: Number of images that it saw.
        normalisation: Normalisation that it was trained with.
        origin: The published weights that it started from, if any.
        history: What the weights were trained on, this pretraining first.
    """

    version: str
    encoder: str
    method: str
    epochs: int
    kept: str
    stopped: str | None
    images: int
    normalisation: Normalisation
    origin: WeightsOrigin | None = None
    history: tuple[TrainedOn, ...]
