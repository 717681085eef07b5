"""What ``evaluation.json`` holds: how well a model does on one or several labelled data sets."""

from pydantic import Field

from twinlens.records.base import Record
from twinlens.records.bundle import TestTimeAugmentation
from twinlens.records.dataset import ClassInfo, ClassNames
from twinlens.records.estimate import Estimate as Estimate
from twinlens.records.reliability import Reliability
from twinlens.records.run import Environment
from twinlens.requests.evaluate import EvaluateRequest

EVALUATION = "evaluation.json"


class ClassEstimates(Record):
    """Scores of one class against the rest.

    Attributes:
        support: Number of images of the class.
        precision: Fraction of the images predicted as the class that are of it.
        recall: Fraction of the images of the class that are predicted as it.
        f1: Harmonic mean of precision and recall.
        auc: Area under the receiver operating characteristic.
        average_precision: Average precision.
    """

    support: int
    precision: Estimate
    recall: Estimate
    f1: Estimate
    auc: Estimate
    average_precision: Estimate

    def values(self) -> dict[str, float | None]:
        """Return the scores without their intervals."""
        estimates = {name: value for name, value in self if isinstance(value, Estimate)}
        return {name: e.value for name, e in estimates.items()} | {"support": self.support}


class MetricEstimates(Record):
    """Every metric, of a set of images or of a set of lesions.

    Attributes:
        n: Number of images, or of lesions.
        groups: Number of groups, which the intervals resample.
        metrics: Each metric of `METRICS`.
        per_class: Scores of each class, in the order of the classes.
        confusion: Number of images by true class (row) and predicted class (column).
    """

    n: int
    groups: int
    metrics: dict[str, Estimate]
    per_class: dict[str, ClassEstimates]
    confusion: list[list[int]]


class OperatingPoint(Record):
    """Where sensitivity or specificity is at least a target.

    Attributes:
        fixed: Which of the two the target is for.
        target: The target.
        other: The other of the two at the target, on the evaluated images' own curve: a property
            of the curve, whose threshold has seen these images.
        threshold: Threshold that reaches the target on the validation images; null without these.
        sensitivity: Sensitivity of the evaluated images at that threshold.
        specificity: Their specificity.
    """

    fixed: str
    target: float
    other: Estimate
    threshold: float | None = None
    sensitivity: Estimate | None = None
    specificity: Estimate | None = None


class NetBenefit(Record):
    """Net benefit of acting on a prediction, per image (Vickers and Elkin 2006).

    Attributes:
        threshold: Probability from which one acts.
        model: Net benefit of acting where the model's probability is at least that.
        treat_all: Net benefit of acting always; that of acting never is 0.
    """

    threshold: float
    model: Estimate
    treat_all: float


class BinaryEvaluation(Record):
    """Some classes against all others, such as malignant against benign.

    Attributes:
        title: Name of the positive side, such as malignant.
        positive: Its classes, whose probabilities are added.
        positives: Number of images of these.
        negatives: Number of all others.
        auc: Area under the receiver operating characteristic.
        average_precision: Average precision.
        points: Operating points.
        net_benefit: The decision curve.
        note: Why there is no evaluation; empty where there is one.
    """

    title: str
    positive: list[str]
    positives: int
    negatives: int
    auc: Estimate
    average_precision: Estimate
    points: list[OperatingPoint] = Field(default=[])
    net_benefit: list[NetBenefit] = Field(default=[])
    note: str = ""


class CalibrationBin(Record):
    """Images of similar confidence.

    Attributes:
        images: Number of images.
        confidence: Mean probability of the predicted class.
        accuracy: Fraction whose predicted class is right.
    """

    images: int
    confidence: float
    accuracy: float


class CalibrationScores(Record):
    """How well probabilities agree with frequencies.

    Attributes:
        ece: Expected calibration error of the predicted class, over bins of equal mass.
        classwise_ece: The same of every class's probability, averaged over the classes.
        brier: Brier score: the squared error summed over the classes.
        log_loss: Mean negative logarithm of the true class's probability.
        bins: The bins of the reliability diagram.
    """

    ece: Estimate
    classwise_ece: Estimate
    brier: Estimate
    log_loss: Estimate
    bins: list[CalibrationBin]


class Calibration(Record):
    """Calibration before and after temperature scaling (Guo et al. 2017).

    Attributes:
        temperature: The temperature, fitted on validation images; null without one.
        before: Of the model's probabilities.
        after: Of the scaled probabilities; null without a temperature.
        note: Where the temperature comes from, or why there is none.
    """

    temperature: float | None
    before: CalibrationScores
    after: CalibrationScores | None = None
    note: str = ""


class DataSetEvaluation(Record):
    """Evaluation of the model on the images of one data set.

    Attributes:
        name: Name of the data set within this evaluation.
        path: Its folder.
        data_hash: Its hash.
        part: The part of its split that was evaluated; "all" where it has no split.
        internal: Whether the model was trained on other images of this data set.
        stored: Whether the predictions are those that the model's training stored.
        size: Side of its images in pixels.
        class_map: Class of the model by class of the data set, null for images left out; empty
            where both have the same names.
        left_out: Number of labelled images that were left out, since the map gives them no class.
        absent: Classes of the model without an image.
        by_image: Every metric by image.
        by_group: Every metric by group, with the probabilities of its images averaged; null where
            every group is of one image.
        binary: Some classes against the others; null where none were named.
        calibration: Calibration.
        reliability: When to trust the model; null where nothing was to be stored.
        notice: A sentence of the data set that every report must show; may be empty.
        notes: Sentences that a reader must know.
    """

    name: str
    path: str
    data_hash: str
    part: str
    internal: bool
    stored: bool
    size: int
    class_map: dict[str, str | None] = Field(default={})
    left_out: int = 0
    absent: list[str] = Field(default=[])
    by_image: MetricEstimates
    by_group: MetricEstimates | None = None
    binary: BinaryEvaluation | None = None
    calibration: Calibration
    reliability: Reliability | None = None
    notice: str = ""
    notes: list[str] = Field(default=[])


class Drop(Record):
    """A metric on an external data set minus that on the internal one.

    Attributes:
        metric: Name of the metric.
        external: Name of the external data set.
        difference: External minus internal.
    """

    metric: str
    external: str
    difference: Estimate


class EvaluationRecord(Record):
    """Evaluation of a model on one or several data sets.

    Attributes:
        request: What `evaluate` was asked for.
        members: Folders of the model's bundles, whose probabilities are averaged.
        classes: Classes of the model.
        class_info: Title, colour and group by class, where known.
        test_time: Test-time augmentation of each member of the model.
        environment: Machine and software.
        data: The evaluation on each data set, in the order given.
        drops: Each metric on each further data set minus that on the first.
    """

    request: EvaluateRequest
    members: list[str] = Field(default=[])
    classes: ClassNames
    class_info: dict[str, ClassInfo] = Field(default={})
    test_time: list[TestTimeAugmentation]
    environment: Environment
    data: list[DataSetEvaluation] = Field(min_length=1)
    drops: list[Drop] = Field(default=[])

    @property
    def metrics(self) -> dict[str, float]:
        """Every metric that is defined, by image, on the first data set."""
        estimates = self.data[0].by_image.metrics
        return {n: e.value for n, e in estimates.items() if e.value is not None}
