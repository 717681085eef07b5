"""With how many labels the reference of a study scores as well as an arm."""

from twinlens.records.base import Record


class EquivalentLabels(Record):
    """Between which numbers of labels, of those run, the reference scores as well as an arm.

    Ends are None where they lie beyond the label fractions that were run.

    Attributes:
        arm: Name of the arm.
        label_fraction: Fraction of the labelled training images that it was trained on.
        labels: Number of these images.
        n: Number of seeds of the comparisons.
        mean_low: Lower end by the means.
        mean_high: Upper end by the means.
        low: Lower end at 95 % confidence.
        high: Upper end at 95 % confidence.
        sentence: The same in words.
    """

    arm: str
    label_fraction: float
    labels: int
    n: int
    mean_low: int | None
    mean_high: int | None
    low: int | None
    high: int | None
    sentence: str


class LabelEfficiency(Record):
    """Equivalent labels of all arms but the reference.

    Attributes:
        labels: Number of labelled training images by label fraction.
        val_labels: Number of labelled validation images, which every arm has beside these.
        equivalent_labels: One row for each arm and label fraction.
    """

    labels: dict[float, int]
    val_labels: int
    equivalent_labels: list[EquivalentLabels]
