"""What a split says about itself: ``splits/NAME.json``, with the method that assigned its images.

The record of a method holds all that determines the split, so that equal records mean equal splits.
"""

from typing import Annotated, Literal

from pydantic import Field

from twinlens.records.base import Record


class Shares(Record):
    """How many images go to each part.

    Attributes:
        per_class: Maximum number of labelled training images per class; None: all.
        val: Fraction of the labelled images for validation.
        test: Fraction of the labelled images for test; None where something else decides.
    """

    per_class: int | None
    val: float
    test: float | None = None


class Links(Record):
    """The near-duplicates by which groups were merged: their number and a digest of them."""

    count: int
    digest: str


class RandomSplit(Record):
    """Base of the methods that draw at random.

    Attributes:
        seed: Seed of the draw.
        links: Near-duplicates that were kept together; None without an audit.
    """

    seed: int
    links: Links | None = None


class SharesSplit(Shares, RandomSplit):
    """Whole groups by shares, stratified by class."""

    kind: Literal["shares"] = "shares"


class PresetSplit(RandomSplit):
    """The paper's split of ISIC-2019, by one of its presets."""

    kind: Literal["preset"] = "preset"
    preset: str


class FoldSplit(Shares, RandomSplit):
    """One fold, numbered from 1, of a cross-validation: the fold is the test part."""

    kind: Literal["fold"] = "fold"
    folds: int
    fold: int


class TuningFold(RandomSplit):
    """One fold, numbered from 1, of a search of settings: the validation part of what may be used.

    Attributes:
        split: Name of the split whose labelled training images are divided; all its other labelled
            images are left out.
        split_hash: Its hash.
        classes: Classes of the task; null for all.
        label_fraction: Share of its labelled training images that are used.
        labelled: Number of its labelled training images, of which they are that share.
        folds: Number of folds.
        fold: Number of this one.
    """

    kind: Literal["tuning_fold"] = "tuning_fold"
    split: str
    split_hash: str
    classes: list[str] | None
    label_fraction: float
    labelled: int
    folds: int
    fold: int


class HeldOutSplit(Shares, RandomSplit):
    """The images with one value of a column are the test part."""

    kind: Literal["held_out"] = "held_out"
    column: str
    value: str


class ImportedSplit(Record):
    """As the source of the images says."""

    kind: Literal["imported"] = "imported"


class Repair(Record):
    """How a split was made from one that leaks.

    Attributes:
        split: Name of the repaired split.
        repaired: Name of the split that leaks.
        hash: Hash of the split that leaks.
        groups: Number of groups that were moved to one side.
        moved: Number of images by move, such as "test to train".
        dropped: Number of images without a label that were left out.
        lost: By part the classes of which no image is left.
    """

    kind: Literal["repair"] = "repair"
    split: str
    repaired: str
    hash: str
    groups: int
    moved: dict[str, int]
    dropped: int
    lost: dict[str, list[str]]


Original = (
    SharesSplit | PresetSplit | FoldSplit | HeldOutSplit | ImportedSplit | Repair | TuningFold
)


class ExtendedSplit(RandomSplit):
    """Another split, extended by what was added to the data set.

    Attributes:
        extends: Name of that split.
        original: How the first split of the chain was made.
        dataset_hash: Hash of the data set with what was added.
    """

    kind: Literal["extended"] = "extended"
    extends: str
    original: Annotated[Original, Field(discriminator="kind")]
    dataset_hash: str


Method = Original | ExtendedSplit


class SplitRecord(Record):
    """Content of ``splits/NAME.json``.

    Attributes:
        name: Name of the split.
        hash: Digest of which image is in which part.
        method: How it was made.
        counts: Number of images by part and class.
        dropped: Number of images in no part.
        notes: Sentences for the user.
        previous_hashes: Hashes of the splits that it extends, the latest first.
    """

    name: str
    hash: str
    method: Annotated[Method, Field(discriminator="kind")]
    counts: dict[str, dict[str, int]]
    dropped: int
    notes: list[str]
    previous_hashes: list[str] = Field(default=[])
