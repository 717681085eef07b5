import pytest

from twinlens.reporting.evaluation.operating_points import published_points


def test_they_are_those_that_the_paper_cites(evaluation):
    record = evaluation.record
    points = published_points(record, record.data[0].binary)
    found = [(point.sensitivity, point.specificity) for point in points]
    assert found == [(0.744, 0.598), (0.672, 0.622), (0.823, 0.779)]
    assert all("Eur. J. Cancer 119" in point.source for point in points)


@pytest.mark.parametrize(
    ("classes", "positive", "notice"),
    [
        (["NV", "MEL", "wart"], ["MEL"], ""),  # other images
        (["NV", "MEL", "BCC"], ["NV"], ""),  # another task
        (["BCC", "MEL"], ["MEL"], ""),
        (["NV", "MEL", "BCC"], ["MEL"], "These images are synthetic."),
    ],
)
def test_they_are_not_drawn_elsewhere(evaluation, classes, positive, notice):
    record = evaluation.record
    data = [of.model_copy(update={"notice": notice}) for of in record.data]
    binary = data[0].binary.model_copy(update={"positive": positive})
    record = record.model_copy(update={"classes": classes, "data": data})
    assert published_points(record, binary) == []
