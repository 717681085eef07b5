"""Operating points that the literature reports, to draw beside a ROC of dermatoscopic images."""

from dataclasses import dataclass
from importlib.resources import files

import yaml

from twinlens.records.evaluation import BinaryEvaluation, EvaluationRecord

_ISIC = {"MEL", "NV", "BCC", "AK", "AKIEC", "BKL", "DF", "VASC", "SCC"}
"""Names of the classes in the ISIC challenges of 2018 and 2019."""


@dataclass(frozen=True)
class PublishedPoint:
    """Sensitivity and specificity of dermatologists, or of a network, with their source."""

    who: str
    task: str
    sensitivity: float
    specificity: float
    source: str


def published_points(record: EvaluationRecord, binary: BinaryEvaluation) -> list[PublishedPoint]:
    """Return the points where they belong: ISIC's classes, real images, melanoma against nevi."""
    names, positive = set(record.classes), set(binary.positive)
    dermatoscopic = names <= _ISIC and not any(data.notice for data in record.data)
    if not dermatoscopic or "MEL" not in positive or "NV" not in names - positive:
        return []
    path = files("twinlens.reporting") / "evaluation/operating_points.yaml"
    return [PublishedPoint(**point) for point in yaml.safe_load(path.read_text(encoding="utf-8"))]
