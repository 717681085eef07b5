"""What an audit finds in one split, how a split was repaired, and what a pretraining has seen."""

from twinlens.records.base import Record
from twinlens.records.split import Repair
from twinlens.records.weights import HeldOutPart


class NumericAttribute(Record):
    """Mean and standard deviation of a numeric column; null where no image has a value."""

    mean: float | None
    sd: float | None
    missing: int


class CategoricalAttribute(Record):
    """Number of images for each value of a text column."""

    counts: dict[str, int]
    missing: int


class PartComposition(Record):
    """What one part of a split contains.

    Attributes:
        classes: Number of images per class.
        largest_group: Number of images in the largest group.
        attributes: Each other column of the table.
    """

    images: int
    classes: dict[str, int]
    groups: int
    largest_group: int
    attributes: dict[str, NumericAttribute | CategoricalAttribute]


class Contamination(Record):
    """Fractions of a part's images that have a sibling or a copy in train, unlabelled, or any."""

    train: float
    unlabelled: float
    any: float


class StraddlingGroup(Record):
    """A group with images on several sides of a split: ids of its images by part."""

    group: str
    images: dict[str, list[str]]


class Leaks(Record):
    """Groups and copies that lie on several sides of a split.

    Attributes:
        leaking: Whether any do.
        groups: Groups on several sides.
        links: Links between images on two sides, as positions in the audit's `links`.
        contamination: How much of val and test the training data contain.
    """

    leaking: bool
    groups: list[StraddlingGroup]
    links: list[int]
    contamination: dict[HeldOutPart, Contamination]


class SplitAudit(Record):
    """Findings on one split.

    Attributes:
        composition: Contents of each part.
        linked_images: Part of each image that has a link; null where the split leaves it out.
    """

    hash: str
    composition: dict[str, PartComposition]
    leaks: Leaks
    linked_images: dict[str, str | None]


class SeenImages(Record):
    """How many images of a part a pretraining has seen.

    Attributes:
        same: Those that it has seen.
        copies: Others of which it has seen a copy or a sibling.
    """

    images: int
    same: int
    copies: int


class PretrainingOverlap(Record):
    """Which validation and test images a pretraining has seen.

    Attributes:
        images: Number of images that it was trained on.
        seen: By split and part; null if it could not be determined.
        unknown: Why it could not be determined.
    """

    run: str
    images: int
    seen: dict[str, dict[HeldOutPart, SeenImages]] | None = None
    unknown: str | None = None


class SplitFindings(Record):
    """What an audit finds in splits.

    Attributes:
        splits: By name of the split.
        repairs: By name of the split that leaks.
        pretraining: Which images of these splits each pretraining has seen.
    """

    splits: dict[str, SplitAudit]
    repairs: dict[str, Repair]
    pretraining: list[PretrainingOverlap]
