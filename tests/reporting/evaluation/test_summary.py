import pytest

from evaluated import CLASSES, DEGENERATE, INFO
from twinlens.evaluation.data_set_evaluation import choose, measure
from twinlens.evaluation.probabilities.binary import positive_side
from twinlens.reporting.evaluation.summary import answers
from twinlens.reporting.formatting import percent


def test_a_reader_learns_how_good_the_model_is_where_it_fails_and_what_it_finds(evaluation):
    first = evaluation.record.data[0]
    told = dict(answers(evaluation.record))
    assert list(told) == ["How good is it?", "Where does it fail?", "Does it find malignant?"]
    metrics, per_class = evaluation.record.metrics, first.by_image.per_class
    assert f"it recognises {percent(metrics['balanced_accuracy'])} of" in told["How good is it?"]
    assert "guessing recognises 33 %" in told["How good is it?"]
    most = max(of.support for of in per_class.values()) / first.by_image.n
    assert told["How good is it?"].endswith(f"would be correct for {percent(most)}.")
    worst = min(CLASSES, key=lambda name: per_class[name].recall.value)
    assert told["Where does it fail?"].startswith(f"Worst at {worst}, ")
    point = first.binary.points[0]
    assert f"finds {percent(point.sensitivity.value)} of them" in told["Does it find malignant?"]


def test_without_a_threshold_of_validation_images_the_curve_is_described(evaluation):
    data = evaluation.record.data[0]
    points = [point.model_copy(update={"sensitivity": None}) for point in data.binary.points]
    binary = data.binary.model_copy(update={"points": points})
    record = evaluation.record.model_copy(
        update={"data": [data.model_copy(update={"binary": binary})]}
    )
    assert f"Its AUC is {binary.auc.value:.3f}" in dict(answers(record))["Does it find malignant?"]


@pytest.mark.parametrize("case", DEGENERATE)
def test_what_the_images_cannot_answer_is_left_out(evaluation, case):
    table = DEGENERATE[case]
    found = measure(table, CLASSES, positive_side(None, CLASSES, INFO), choose(None, CLASSES))
    data = evaluation.record.data[0].model_copy(
        update={
            "by_image": found.by_image,
            "binary": found.binary,
        }
    )
    told = dict(answers(evaluation.record.model_copy(update={"data": [data]})))
    assert ("Where does it fail?" in told) == (table["label"].nunique() > 1)
    assert not any("None" in text or "nan" in text for text in told.values())
