"""What a trained model is: ``bundle.json``, and ``ensemble.json`` of several."""

from typing import Any, Literal

from pydantic import Field, JsonValue, PositiveFloat, PositiveInt

from twinlens.records.base import Record
from twinlens.records.dataset import ClassInfo, ClassNames
from twinlens.records.estimate import Estimate
from twinlens.records.weights import InitialWeights, Normalisation, TrainedOn
from twinlens.views.recipe import ViewRecipe

VERSION = 3
"""Version of what is written. 1 had no version, no hash and no metrics; 2 neither prediction sets
nor an index."""


class TestTimeAugmentation(Record):
    """The views of an image whose probabilities are averaged.

    Attributes:
        views: Number of views; 1 for none but the first.
        clean: Whether the first view is the image itself, only resized.
        recipe: What the other views are drawn from.
        seed: Seed of their random numbers.
    """

    __test__ = False  # the name begins with Test, and pytest would collect it

    views: PositiveInt
    clean: bool
    recipe: ViewRecipe
    seed: int


class Provenance(Record):
    """The training that a model comes from.

    Attributes:
        trained_on: Its data set and split.
        label_fraction: Fraction of the labelled training images that were used.
        seed: The seed of the training.
        weights: The weights that it started from.
        settings: The resolved settings of the training.
        classes: The classes that the data set was reduced to; null for all.
        licence: Licence of the images; null where the data set does not state it.
    """

    trained_on: TrainedOn
    label_fraction: float
    seed: int
    weights: InitialWeights
    settings: dict[str, Any]
    classes: list[str] | None = None
    licence: str | None = None

    @property
    def history(self) -> tuple[TrainedOn, ...]:
        """What the model was trained on, the latest first."""
        return (self.trained_on, *self.weights.history)


class ModelChoice(Record):
    """How a study chose the model, or the models, that it keeps.

    Attributes:
        ensemble: "none" for one run; "seeds" for all of an arm, "soup" for the mean
            of their weights; "arms" for all runs.
        run: The run; null if there are several.
        arm: The arm; null if there are several.
        seed: The seed; null if there are several.
        label_fraction: Fraction of the labels that the runs were trained with.
        metric: The metric that chose, on validation images.
        members: Names of the runs.
        val: Value of the metric on validation images.
        soup_val: That of a soup that was worse than the best run, which is kept instead.
    """

    ensemble: Literal["none", "seeds", "arms", "soup"]
    run: str | None
    arm: str | None
    seed: int | None
    label_fraction: float
    metric: str
    members: list[str]
    val: float
    soup_val: float | None = None


class PartMetrics(Record):
    """How well a model did on one part of its split, in training.

    Attributes:
        n: Number of images.
        metrics: Each metric; an interval only where there is one.
    """

    n: int
    metrics: dict[str, Estimate]


class PredictionSets(Record):
    """Thresholds of conformal prediction sets: {c : 1 - p_c <= threshold}, p with temperature.

    Split conformal prediction (Vovk et al. 2005) with the score of Sadinle et al. (2019,
    arXiv 1609.00451), calibrated on one validation image of each group. A threshold is null where
    there are too few of them for the coverage: then the class is in every set.

    Attributes:
        coverage: The probability with which a set holds the true class, for images like these.
        images: Number of images that calibrated it.
        threshold: Of the coverage over all images.
        by_class: Of the coverage within each class, by class.
    """

    coverage: float = Field(gt=0, lt=1)
    images: int
    threshold: float | None
    by_class: dict[str, float | None]


class BundleInfo(Record):
    """Content of bundle.json.

    Attributes:
        version: Version of the bundle, see `VERSION`.
        sha256: Hash of the file of the tensors; null until it is written, and in version 1.
        encoder: Name of the encoder, as `build_encoder` takes it.
        config: How its repository of the hub says that it is built; null for others.
        head: A name in `HEADS`.
        normalisation: Normalisation that the encoder was trained with.
        classes: Names of the classes, in the order of the logits.
        class_info: Title, colour and group by class, where known.
        size: Side of the images in training, in pixels.
        test_time: Test-time augmentation.
        temperature: Temperature that validation images gave the averaged probabilities; null where
            there were none, or they do not determine it.
        precision: What the model was trained and evaluated in.
        provenance: The training.
        choice: How a study chose this model; null if none did.
        notice: A sentence of the data set that all must be told; may be empty.
        metrics: Metrics by part of the split, such as test; probabilities without temperature.
        prediction_sets: Thresholds that validation images gave; null where there were none.
        index_sha256: Hash of the file of the training images' features; null where there is none.
        unlike_threshold: Distance of the features to those of the training images above which an
            image is unlike these; null where there is no index, or no validation image.
    """

    version: PositiveInt = 1
    sha256: str | None = None
    encoder: str
    config: dict[str, JsonValue] | None = None
    head: str = "linear"
    normalisation: Normalisation
    classes: ClassNames = Field(min_length=1)
    class_info: dict[str, ClassInfo] = Field(default={})
    size: PositiveInt
    test_time: TestTimeAugmentation
    temperature: PositiveFloat | None = None
    precision: Literal["auto", "fp32", "bf16"] = "auto"
    provenance: Provenance
    choice: ModelChoice | None = None
    notice: str = ""
    metrics: dict[str, PartMetrics] = Field(default={})
    prediction_sets: PredictionSets | None = None
    index_sha256: str | None = None
    unlike_threshold: float | None = None

    @property
    def transductive(self) -> bool:
        """Whether any training behind the model saw validation and test images."""
        return any(trained.transductive for trained in self.provenance.history)


class EnsembleInfo(Record):
    """Content of ensemble.json.

    Attributes:
        version: As of its members.
        members: Names of the bundles in the folder ``members``.
        temperature: Temperature that validation images gave the averaged probabilities; null where
            there were none, or they do not determine it. Those of the members do not count.
        choice: How a study chose them; null if none did.
        prediction_sets: Thresholds for the averaged probabilities; those of the members do not
            count. Null where there were no validation images.
    """

    version: PositiveInt = 1
    members: list[str] = Field(min_length=1)
    temperature: PositiveFloat | None = None
    choice: ModelChoice | None = None
    prediction_sets: PredictionSets | None = None
