"""What ``metrics.json`` holds: how well a model predicts each part of a split."""

from twinlens.records.base import Record


class ClassScores(Record):
    """Scores of one class against the rest; a ratio without a denominator is 0.

    Attributes:
        precision: Fraction of the images predicted as the class that are of it.
        recall: Fraction of the images of the class that are predicted as it.
        f1: Harmonic mean of precision and recall.
        support: Number of images of the class.
    """

    precision: float
    recall: float
    f1: float
    support: int


class PartScores(Record):
    """Scores on the images of one part of a split.

    Attributes:
        n: Number of images.
        metrics: Value of each metric in `METRICS` that these images define.
        per_class: Scores of each class, in the order of the classes.
        confusion: Number of images by true class (row) and predicted class (column).
    """

    n: int
    metrics: dict[str, float]
    per_class: dict[str, ClassScores]
    confusion: list[list[int]]


class Scores(Record):
    """Scores of a run.

    Attributes:
        parts: Scores by part of the split, such as ``test``.
    """

    parts: dict[str, PartScores]

    @property
    def val(self) -> PartScores | None:
        """Scores on the validation images, if there are any."""
        return self.parts.get("val")

    @property
    def test(self) -> PartScores | None:
        """Scores on the test images, if there are any."""
        return self.parts.get("test")
