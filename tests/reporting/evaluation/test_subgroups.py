from twinlens.reporting.evaluation.page import build_page
from twinlens.reporting.evaluation.subgroups import content


def test_subgroups_and_gaps(assessed):
    found = content(assessed)
    rows = found["scores"].rows
    assert [row[0].text for row in rows[:4]] == ["sex", "", "", ""]
    small = {row[2].text: "small" in row[2].detail for row in rows[:4]}
    assert small == {"female": False, "male": False, "other": True, "not known": True}
    metrics = set(found["scores"].frame["metric"])
    assert set(assessed.record.data[0].by_image.metrics) == metrics
    gap = found["gaps"].rows[0]
    assert {gap[4].text, gap[5].text} == {"female", "male"}
    assert found["left_out"] == {"site": "all images have the same value"}
    html, _ = build_page(assessed)
    assert "Left out: site (all images have the same value)." in html
    assert "Small: fewer than 20 images" in html


def test_without_subgroups_the_page_says_so(evaluation):
    assert content(evaluation)["scores"] is None
    assert "divides these images into subgroups" in build_page(evaluation)[0]
