"""What an audit finds: ``audit/audit.json`` of a data set, and ``audit.json`` of a study."""

from collections import Counter
from typing import Literal

from pydantic import Field

from twinlens.records.base import Record
from twinlens.records.split_audit import Contamination, SplitFindings
from twinlens.records.weights import HeldOutPart

Detector = Literal["pixels", "hash", "embedding"]


class AuditedData(Record):
    """The data set that was audited.

    Attributes:
        size: Side of the square images, in pixels.
        unlabelled: Number of images without a label.
        multi_image_groups: Number of groups with several images.
        classes: Number of images per class.
        import_notes: What looked wrong when the images were imported.
    """

    path: str
    hash: str
    images: int
    table_only: bool
    size: int
    unlabelled: int
    groups: int
    multi_image_groups: int
    classes: dict[str, int]
    import_notes: list[str] = Field(default=[])


class AuditSettings(Record):
    """Thresholds of an audit.

    Attributes:
        hash_radius: Bits of 64 in which the hashes of a candidate pair may differ.
        min_correlation: Correlation of fine structure from which two images are copies.
        max_ratio: Two images are similar if the ratio of their distance to the distance of either
            to its last neighbour (the geometric mean of the two) is smaller: the ratio test of
            Lowe (2004), which does not depend on the encoder's scale.
        neighbours: Nearest neighbours of each image.
        min_agreement: Fraction of an image's labelled neighbours that must agree on another label.
        outlier_deviations: Robust standard deviations (1.4826 times the median absolute deviation)
            from the median beyond which an image is an outlier.
        encoder: The encoder whose features were compared; null if none was.
    """

    hash_radius: int = 8
    min_correlation: float = 0.6
    max_ratio: float = 0.5
    neighbours: int = 10
    min_agreement: float = 0.8
    outlier_deviations: float = 4.0
    encoder: str | None = None


DEFAULTS = AuditSettings()


class SkippedFile(Record):
    """A file that could not be imported."""

    file: str
    reason: str


class Link(Record):
    """Two images that are copies of one photograph, or similar.

    Attributes:
        a: Id of the first image; its label and group are `label_a` and `group_a`.
        b: Id of the second.
        found_by: Equal pixels, perceptual hash, or distance between embeddings.
        score: 1 for equal pixels; correlation of fine structure; 1 minus the ratio of distances.
        transformation: How the two differ, such as "mirrored and cropped".
    """

    a: str
    b: str
    found_by: Detector
    score: float
    transformation: str
    label_a: str | None
    label_b: str | None
    group_a: str
    group_b: str

    @property
    def conflicting(self) -> bool:
        """Whether both images have a label, and not the same."""
        return None not in (self.label_a, self.label_b) and self.label_a != self.label_b


class SuspectedLabelError(Record):
    """An image whose nearest neighbours agree on another label.

    Attributes:
        suggested: The label of its neighbours.
        agreement: Fraction of the labelled neighbours that have this label.
    """

    id: str
    label: str
    suggested: str
    agreement: float


class QualityOutlier(Record):
    """An image whose sharpness or exposure is unusual.

    Attributes:
        reason: Such as "blurred".
        exposure: Mean grey level, from 0 to 255.
        contrast: Standard deviation of the grey level.
        sharpness: Logarithm to base 10 of the variance of the Laplacian.
    """

    id: str
    reason: str
    exposure: float
    contrast: float
    sharpness: float


class FindingCounts(Record):
    """How many findings of each kind there are; null where nothing was looked for."""

    exact_duplicates: int
    near_duplicates: int
    similar_images: int
    conflicts: int
    suspected_label_errors: int | None
    outliers: int | None
    skipped: int


class ImageFindings(Record):
    """What an audit finds in the images, whatever the split.

    Attributes:
        suspected_label_errors: Null without an encoder.
        outliers: Images of unusual quality; null for a table without images.
    """

    data: AuditedData
    settings: AuditSettings
    skipped: list[SkippedFile]
    links: list[Link]
    suspected_label_errors: list[SuspectedLabelError] | None
    outliers: list[QualityOutlier] | None

    @property
    def conflicts(self) -> list[int]:
        """Positions in `links` of the pairs with two labels."""
        return [position for position, link in enumerate(self.links) if link.conflicting]

    def counts(self) -> FindingCounts:
        """Return how many findings of each kind there are."""
        links = Counter(link.found_by for link in self.links)
        errors, outliers = self.suspected_label_errors, self.outliers
        return FindingCounts(
            exact_duplicates=links["pixels"],
            near_duplicates=links["hash"],
            similar_images=links["embedding"],
            conflicts=len(self.conflicts),
            suspected_label_errors=None if errors is None else len(errors),
            outliers=None if outliers is None else len(outliers),
            skipped=len(self.skipped),
        )


class AuditFindings(ImageFindings, SplitFindings):
    """Everything that an audit finds; docs/audit.md describes the methods.

    Attributes:
        leaking: Whether any split leaks.
        warnings: Why results may look better than they are; empty if nothing leaks.
        summary: The findings in sentences, the warnings first.
        seconds: Duration of the audit.
    """

    leaking: bool
    warnings: tuple[str, ...]
    summary: tuple[str, ...]
    seconds: float


class StudyAudit(Record):
    """The findings on a study's data and split, without the lists.

    Attributes:
        straddling_groups: Number of groups on several sides.
        straddling_links: Number of linked pairs on two sides.
        contamination: How much of val and test the training data contain.
        warnings: As in `AuditFindings`, and so is `summary`.
    """

    data_hash: str
    split: str
    split_hash: str
    leaking: bool
    straddling_groups: int
    straddling_links: int
    contamination: dict[HeldOutPart, Contamination]
    counts: FindingCounts
    settings: AuditSettings
    seconds: float
    warnings: tuple[str, ...]
    summary: tuple[str, ...]
