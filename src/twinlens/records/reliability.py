"""When to trust a model's answers, as ``evaluation.json`` has it: sets, abstention, subgroups."""

from typing import Literal

from pydantic import Field

from twinlens.records.base import Record
from twinlens.records.estimate import Estimate

Check = Literal["unlike the training images", "poor photographs"]


class ConformalSets(Record):
    """Conformal prediction sets of the evaluated images, each group counted once.

    Attributes:
        by_class: Whether coverage is to hold within each class, and not over all images only.
        wanted: The wanted coverage.
        calibration: Number of calibration images by class, one per group.
        needed: Calibration images below which a set has to hold everything.
        always_included: Classes with fewer, which are in every set.
        coverage: Fraction of the sets that hold the true class.
        size: Mean number of classes in a set.
        single: Fraction of the sets of one class.
        empty: Fraction of the empty sets: no class is plausible.
        of_class: Coverage of the images of each class.
    """

    by_class: bool
    wanted: float
    calibration: dict[str, int]
    needed: int
    always_included: list[str]
    coverage: Estimate
    size: Estimate
    single: Estimate
    empty: Estimate
    of_class: dict[str, Estimate]


class ErrorAt(Record):
    """The error rate where a fraction of the images, the most confident ones, is answered."""

    coverage: float
    error: Estimate


class Selective(Record):
    """Answering only where the highest probability is high.

    Attributes:
        aurc: Area under the risk-coverage curve.
        excess: The area less that of a confidence that ranks every error last.
        errors: Error rates at some coverages.
        curve: Points of the curve: coverage and error rate.
    """

    aurc: Estimate
    excess: Estimate
    errors: list[ErrorAt]
    curve: list[tuple[float, float]]


class Flagged(Record):
    """Images that a check would not let the model answer.

    Attributes:
        check: What is checked.
        images: Number of images flagged, by reason.
        share: Fraction of the images that are flagged, for any reason.
        error_flagged: Error rate of the flagged images.
        error_others: Error rate of all others.
        threshold: Score above which an image is flagged; null where there are several.
    """

    check: Check
    images: dict[str, int]
    share: Estimate
    error_flagged: Estimate
    error_others: Estimate
    threshold: float | None = None


class SubgroupScores(Record):
    """Every metric on the images of one subgroup.

    Attributes:
        column: Column of the table of images, such as sex.
        value: Its value, such as female.
        images: Number of images.
        groups: Number of groups.
        small: Whether there are too few images or groups to rely on.
        absent: Classes without an image here, though others have some.
        metrics: Each metric.
    """

    column: str
    value: str
    images: int
    groups: int
    small: bool
    absent: list[str]
    metrics: dict[str, Estimate]


class Gap(Record):
    """The largest difference of a metric between two subgroups of a column that are not small.

    Attributes:
        column: The column.
        metric: The metric.
        best: Value of the better subgroup.
        worst: Value of the worse one.
        difference: Better minus worse, as the metric counts; largest of all pairs, so that some
            difference is to be expected by chance.
        absent: Classes that only one of the two has, so that means over classes differ for that
            reason, too.
    """

    column: str
    metric: str
    best: str
    worst: str
    difference: Estimate
    absent: list[str]


class Subgroups(Record):
    """The model by subgroups of the images.

    Attributes:
        scores: Each subgroup, column by column.
        gaps: The largest gap of each column and metric.
        left_out: Why a column was left out, by its name.
    """

    scores: list[SubgroupScores]
    gaps: list[Gap]
    left_out: dict[str, str]


class AtPrevalence(Record):
    """The model where the classes have a prevalence.

    Attributes:
        title: Where that is.
        prevalence: Fraction of each class.
        unadapted: Metrics of the predictions as they are; null where undefined.
        adapted: Metrics of the predictions adapted to the prevalence.
        absent: Classes that this prevalence wants and no image is of; the metrics leave them out.
        estimates: The prevalence of each class with its interval, where it was estimated.
        note: How the prevalence was found.
    """

    title: str
    prevalence: dict[str, float]
    unadapted: dict[str, float | None]
    adapted: dict[str, float | None]
    absent: list[str]
    estimates: dict[str, Estimate] = Field(default={})
    note: str = ""


class Reliability(Record):
    """When to trust the model on one data set.

    Attributes:
        sets: Conformal sets, marginal and by class; empty without validation images.
        selective: Risk and coverage.
        flagged: Checks of the images.
        subgroups: Subgroups.
        prior: Prevalence that the probabilities assume once they are calibrated on validation
            images; null without any.
        prevalences: The model under other prevalences.
        notes: Sentences that a reader must know.
    """

    sets: list[ConformalSets]
    selective: Selective
    flagged: list[Flagged] = Field(default=[])
    subgroups: Subgroups
    prior: dict[str, float] | None
    prevalences: list[AtPrevalence]
    notes: list[str] = Field(default=[])
