from twinlens.evaluation.metrics import METRICS
from twinlens.records.evaluation import Estimate
from twinlens.reporting.evaluation.metrics import (
    content,
    drops_table,
    estimate_cell,
    metrics_table,
)


def test_every_metric_is_a_row_and_every_data_set_a_column(evaluation):
    table = content(evaluation)["metrics"]
    assert [row[0].text for row in table.rows] == [m.title for m in METRICS.values()]
    heads = ["Metric", "derm, by image", "outside, by image", "derm, by group", "outside, by group"]
    assert [head.text for head in table.head] == heads
    frame = table.frame.set_index(["data", "metric"])
    accuracy = evaluation.record.data[0].by_image.metrics["accuracy"]
    assert frame.loc[("derm, by image", "accuracy"), "low"] == accuracy.low
    assert table.rows[0][1].text == f"{accuracy.value:.3f}"
    alone = evaluation.record.model_copy(update={"data": evaluation.record.data[:1]})
    assert [head.text for head in metrics_table(alone).head] == ["Metric", "By image", "By group"]


def test_an_undefined_number_is_a_dash():
    assert estimate_cell(Estimate(value=None, note="undefined")).text == "–"
    assert estimate_cell(Estimate(value=0.5, note="one group")).detail == ""
    assert estimate_cell(None).text == ""


def test_the_drop_from_internal_to_external_is_a_table(evaluation):
    table = content(evaluation)["drops"]
    assert [head.text for head in table.head] == ["Metric", "outside"]
    first = evaluation.record.drops[0].difference
    assert table.rows[0][1].text == f"{first.value:+.3f}".replace("-", "−")
    alone = evaluation.record.model_copy(update={"drops": []})
    assert drops_table(alone) is None
