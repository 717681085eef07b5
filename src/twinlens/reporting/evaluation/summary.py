"""What came out, in a few sentences above the numbers."""

from twinlens.records.evaluation import BinaryEvaluation, ClassEstimates, EvaluationRecord
from twinlens.reporting.formatting import decimal, percent, plural


def answers(record: EvaluationRecord) -> list[tuple[str, str]]:
    """Return the questions of a reader and their answers, on the first data set.

    A question that the images cannot answer is left out, such as one of a class without images.
    """
    data = record.data[0]
    present = {name: of for name, of in data.by_image.per_class.items() if of.support}
    found = [("How good is it?", _against_guessing(record.metrics, present))]
    if len(present) > 1:
        found.append(("Where does it fail?", _extremes(present)))
    if data.binary and (text := _screening(data.binary)):
        found.append((f"Does it find {data.binary.title}?", text))
    return [(question, text) for question, text in found if text]


def _against_guessing(metrics: dict[str, float], present: dict[str, ClassEstimates]) -> str:
    """Compare balanced accuracy and accuracy with what needs no image."""
    images = sum(of.support for of in present.values())
    if len(present) < 2 or "balanced_accuracy" not in metrics:
        return ""
    common = max(present, key=lambda name: present[name].support)
    always = present[common].support / images
    return (
        f"Averaged over the classes, it recognises {percent(metrics['balanced_accuracy'])} of the "
        f"images of a class, where guessing recognises {percent(1 / len(present))}. Of all images "
        f"it classifies {percent(metrics['accuracy'])} correctly; to answer {common} always "
        f"would be correct for {percent(always)}."
    )


def _extremes(present: dict[str, ClassEstimates]) -> str:
    """Name the classes that are recognised best and worst."""
    recalls = {name: of.recall.value for name, of in present.items()}
    known = {name: value for name, value in recalls.items() if value is not None}
    best, worst = max(known, key=known.__getitem__), min(known, key=known.__getitem__)
    return (
        f"Worst at {worst}, of which it recognises {percent(known[worst])} "
        f"({plural(present[worst].support, 'image')}); best at {best}, with {percent(known[best])}."
    )


def _screening(binary: BinaryEvaluation) -> str:
    """Describe the first threshold of validation images, or else the curve."""
    for point in binary.points:
        seen, other = point.sensitivity, point.specificity
        if seen and other and seen.value is not None and other.value is not None:
            return (
                f"At the threshold that reached a {point.fixed} of {percent(point.target)} on the "
                f"validation images, it finds {percent(seen.value)} of them here, and leaves "
                f"{percent(other.value)} of the other images alone."
            )
    if binary.auc.value is None:
        return ""
    return f"Its AUC is {decimal(binary.auc.value)}; .5 is guessing, 1 perfect."
