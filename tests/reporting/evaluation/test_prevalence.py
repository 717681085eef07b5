from twinlens.reporting.evaluation.page import build_page
from twinlens.reporting.evaluation.prevalence import content


def test_prevalences_and_metrics(assessed):
    found = content(assessed)
    heads = [cell.text for cell in found["prevalences"].head]
    assert heads[:4] == [
        "Class",
        "As calibrated",
        "derm, these images",
        "derm, these images, estimated",
    ]
    reliability = assessed.record.data[0].reliability
    assert found["prevalences"].rows[0][1].text == f"{100 * reliability.prior['NV']:.1f} %"
    assert " to " in found["prevalences"].rows[0][3].detail
    melanoma = found["prevalences"].frame.set_index("class").loc["MEL"]
    assert abs(melanoma["derm, where it is used"] - 0.05) < 1e-12
    first = reliability.prevalences[0]
    cell = found["prevalence_metrics"].rows[0][1]
    assert cell.text == f"{first.unadapted['accuracy']:.3f}"
    assert cell.detail == f"adapted {first.adapted['accuracy']:.3f}"
    assert "of the predictions as they are and adapted to it" in build_page(assessed)[0]


def test_without_an_assessment_the_page_says_so(evaluation):
    assert content(evaluation)["prevalences"] is None
    assert "has not assessed other prevalences" in build_page(evaluation)[0]
