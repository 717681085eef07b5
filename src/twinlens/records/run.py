"""What a run states about itself in ``run.json``, so that it can be understood and repeated."""

from pathlib import Path
from typing import Any, Literal, Self

from pydantic import ConfigDict, Field

from twinlens.errors import UserError
from twinlens.files import lack
from twinlens.records.base import Record
from twinlens.records.dataset import ClassInfo, ClassNames
from twinlens.records.weights import InitialWeights, Normalisation
from twinlens.requests.predictions import PredictionsRequest
from twinlens.requests.pretrain import PretrainRequest
from twinlens.requests.train import TrainRequest
from twinlens.settings.finetuning import FineTuning
from twinlens.settings.pretraining import Pretraining
from twinlens.views.recipe import ViewRecipe

RUN = "run.json"
MODEL = "model"
"""Folder of the bundle in that of a training."""


class Checkout(Record):
    """State of a git checkout.

    Attributes:
        of: Whether it is Twinlens's own, or that of the working directory.
        commit: Hash of the commit.
        dirty: Whether tracked files differed from it.
    """

    of: Literal["twinlens", "working directory"]
    commit: str
    dirty: bool


class Environment(Record):
    """Machine and software of a run.

    Attributes:
        python: Version of Python.
        packages: Versions of packages by name.
        platform: Operating system.
        processor: Model of the CPU.
        cores: Number of its cores, where known.
        threads: Threads that torch uses.
        device: Name of the GPU, or the kind of device.
        processes: Number of processes that trained together.
        precision: Precision of the computation.
        checkouts: Git checkouts of Twinlens and of the working directory; none outside of any.
    """

    python: str
    packages: dict[str, str]
    platform: str
    processor: str
    cores: int | None
    threads: int
    device: str
    processes: int
    precision: Literal["fp32", "bf16"]
    checkouts: tuple[Checkout, ...] = ()


class DataSummary(Record):
    """Data set and split of a run.

    Attributes:
        path: Folder of the data set.
        hash: Its hash.
        size: Side of its images in pixels.
        classes: Names of the classes.
        class_info: Title, colour and group by class, where known.
        counts: Number of images by part of the split and class.
        split: Name of the split.
        split_hash: Its hash.
        notice: A sentence that every report must show; may be empty.
    """

    path: str
    hash: str
    size: int
    classes: ClassNames
    class_info: dict[str, ClassInfo] = Field(default={})
    counts: dict[str, dict[str, int]]
    split: str
    split_hash: str
    notice: str = ""


class StoredPretraining(Pretraining):
    """Settings of a pretraining, readable without its method, whose package may be missing.

    The settings that only the method has are in `model_extra`.
    """

    model_config = ConfigDict(extra="allow")
    projector: tuple[int, ...] = Pretraining.model_fields["projector"].default

    @classmethod
    def of(cls, settings: Pretraining) -> Self:
        """Return the settings of a pretraining as they are stored."""
        return cls.model_validate(settings.model_dump(by_alias=True))


class PretrainRun(Record):
    """A pretraining.

    Attributes:
        request: What was asked for.
        settings: The resolved settings.
        seed: Seed of all that is random.
        initial_weights: The weights that it started from.
        normalisation: Normalisation of the images.
        recipes: What the views are drawn from: the first, the second, and further kinds.
        images: Number of images that it saw.
        paired: How many of them had a partner of their group for the second view; null where both
            views show one image.
        transductive: Whether it, or what it started from, saw validation and test images.
        verdict: What the monitor says of it, in sentences.
        kept: Whose weights were kept, as in `MonitorRecord`.
        stopped: Why it ended early; null if it did not.
        data: Data set and split.
        environment: Machine and software.
        command: The command that repeats it.
        seconds: Duration of the attempt that finished.
        images_per_s: Speed of the training steps; null if there were none.
    """

    kind: Literal["pretrain"] = "pretrain"
    request: PretrainRequest
    settings: StoredPretraining
    seed: int
    initial_weights: InitialWeights
    normalisation: Normalisation
    recipes: tuple[ViewRecipe, ...]
    images: int
    paired: int | None = None
    transductive: bool
    verdict: list[str]
    kept: str
    stopped: str | None
    data: DataSummary
    environment: Environment
    command: str
    seconds: float = 0.0
    images_per_s: float | None = None

    @property
    def encoder(self) -> str:
        """Name of the encoder."""
        return self.request.encoder


class TrainRun(Record):
    """A training of a classifier.

    Attributes:
        request: What was asked for.
        settings: The resolved settings.
        encoder: Name of the encoder.
        seed: Seed of all that is random.
        label_fraction: Fraction of the labelled training images that were used.
        initial_weights: The weights that it started from.
        pretraining: The pretraining that these come from; null without one.
        images: Number of images that it was trained on.
        epochs: Epochs of one-cycle training; more than the settings ask for where there are few
            labels (`min_steps`). Null for a probe.
        transductive: Whether a pretraining before it saw validation and test images.
        data: Data set and split.
        environment: Machine and software.
        command: The command that repeats it.
        seconds: Duration of the attempt that finished.
        images_per_s: Speed of the training steps; null if there were none.
    """

    kind: Literal["train"] = "train"
    request: TrainRequest
    settings: FineTuning
    encoder: str
    seed: int
    label_fraction: float
    initial_weights: InitialWeights
    pretraining: PretrainRun | None = None
    images: int
    epochs: float | None = None
    transductive: bool
    data: DataSummary
    environment: Environment
    command: str
    seconds: float = 0.0
    images_per_s: float | None = None


class PredictionsRun(Record):
    """Predictions of another tool, scored.

    Attributes:
        request: What was asked for.
        seed: Number of its model.
        label_fraction: Fraction of the labels that its model was trained with, as stated.
        sha256: Hash of the file of predictions.
        data: Data set and split.
        seconds: 0: how long its model took is not known.
        images_per_s: Always null.
    """

    kind: Literal["predictions"] = "predictions"
    request: PredictionsRequest
    seed: int
    label_fraction: float
    sha256: str
    data: DataSummary
    seconds: float = 0.0
    images_per_s: None = None


RunRecord = PretrainRun | TrainRun | PredictionsRun


_KINDS: dict[str, type[RunRecord]] = {
    "pretrain": PretrainRun,
    "train": TrainRun,
    "predictions": PredictionsRun,
}


class _Kind(Record):
    """The kind of a run, read before the rest."""

    model_config = ConfigDict(extra="ignore")

    kind: Literal["pretrain", "train", "predictions"]


def read_run(folder: Path) -> RunRecord:
    """Read the record of a finished run.

    Raises:
        UserError: The folder is not a finished run, or its record is damaged.
    """
    if not (folder / RUN).exists():
        raise UserError(f"{folder} is not a finished run: it {lack(folder, RUN)}.")
    return _KINDS[_Kind.read(folder / RUN).kind].read(folder / RUN)


class Attempt(Record):
    """What an unfinished run is, noted in its work folder, so that nothing else resumes it.

    Attributes:
        determined_by: All that determines its results, by name.
    """

    determined_by: dict[str, Any]
