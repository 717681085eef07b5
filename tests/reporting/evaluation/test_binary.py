from dataclasses import replace

import pytest
from html_page import drawing

from twinlens.reporting.evaluation.binary import content


def test_curves_points_and_areas_are_shown_for_each_data_set(evaluation):
    shown = content(evaluation)
    auc = evaluation.record.data[0].binary.auc
    assert shown["areas"].rows[0][3].text == f"{auc.value:.3f}"
    roc, benefit = map(drawing, shown["panels"])
    assert f"derm {auc.value:.3f}; outside" in roc
    assert "112 dermatologists (Maron et al. 2019)" in roc
    assert "Decision curve, net benefit: derm" in benefit
    assert len(shown["points"].rows) == 2 * 6
    assert shown["points"].rows[0][2].text.startswith("spec. ")
    assert len(shown["points"].frame) == 2 * 6 * 3


@pytest.mark.parametrize("left", ["no task", "no validation"])
def test_what_is_missing_is_left_out(evaluation, left):
    data = evaluation.record.data[0]
    points = [
        point.model_copy(update=dict.fromkeys(["threshold", "sensitivity", "specificity"]))
        for point in data.binary.points
    ]
    binary = None if left == "no task" else data.binary.model_copy(update={"points": points})
    update = {"data": [data.model_copy(update={"binary": binary})]}
    shown = content(replace(evaluation, record=evaluation.record.model_copy(update=update)))
    if left == "no task":
        assert shown == {"first": None}
    else:
        assert [cell.text for cell in shown["points"].rows[0][2:]] == ["–", "", ""]
        assert len(shown["points"].frame) == 6
