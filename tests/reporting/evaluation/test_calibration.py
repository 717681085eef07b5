from dataclasses import replace

from html_page import drawing

from twinlens.reporting.evaluation.calibration import content


def test_scores_before_and_after_and_the_reliability_diagrams(evaluation):
    shown = content(evaluation)
    calibration = evaluation.record.data[0].calibration
    first, second, *others = shown["calibration"].rows
    assert [cell.text for cell in first[:3]] == [
        "derm", "as predicted", f"{calibration.before.ece.value:.3f}"
    ]  # fmt: skip
    assert [cell.text for cell in second[:2]] == ["derm", "after scaling"]
    assert len(others) == 2
    after = f"after scaling: {calibration.after.ece.value:.3f}"
    assert f"Reliability diagram of derm: ECE as predicted: {first[2].text}, ECE {after}" in (
        drawing(*shown["panels"])
    )


def test_without_a_temperature_there_is_one_row(evaluation):
    data = evaluation.record.data[0]
    update = {"temperature": None, "after": None, "note": "none"}
    data = data.model_copy(update={"calibration": data.calibration.model_copy(update=update)})
    record = evaluation.record.model_copy(update={"data": [data]})
    shown = content(replace(evaluation, record=record))
    assert [row[0].text for row in shown["calibration"].rows] == ["as predicted"]
    assert shown["temperature"] is None
