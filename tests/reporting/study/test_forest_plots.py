from collections.abc import Callable
from pathlib import Path
from typing import Any

from html_page import drawing
from judged import change_results, change_rows

from twinlens.reporting.study.forest_plots import difference_figures
from twinlens.reporting.study.load_study import StoredStudy, read_study

Build = Callable[..., Path]


def _read(folder: Path, p_holm: float | None = None, **results: Any) -> StoredStudy:
    """Read a study after changing its results; `p_holm` becomes that of every arm."""
    change_results(folder, **results)
    change_rows(
        folder,
        "differences",
        lambda r: r | {"p_holm": p_holm if r["metric"] == "balanced_accuracy" else None},
    )
    return read_study(folder)


def test_few_rows_are_one_figure_and_say_their_label_fraction(
    tmp_path: Path, build_study: Build
) -> None:
    folder = build_study(tmp_path / "study", pretrained=[], seeds=2, label_fractions=(1.0, 0.1))
    ((label_fraction, panels),) = difference_figures(_read(folder))
    assert label_fraction == 1
    assert [panel.title for panel in panels] == ["Balanced accuracy", "Macro F1", "Accuracy"]
    assert ">random + Barlow Twins, 100 %</text>" in drawing(panels[0])
    assert ">random + Barlow Twins, 10 %</text>" in drawing(panels[0])


def test_many_rows_are_a_figure_a_label_fraction(tmp_path: Path, build_study: Build) -> None:
    arms = [f"arm {n}" for n in range(8)]
    folder = build_study(
        tmp_path / "study", arms=arms, pretrained=[], seeds=1, label_fractions=(1.0, 0.1)
    )
    found = difference_figures(_read(folder))
    assert [label_fraction for label_fraction, _ in found] == [1, 0.1]
    for _, panels in found:
        assert drawing(panels[0]).count(">arm 7</text>") == 1
        assert "%</text>" not in drawing(panels[0])


def test_the_corrected_p_stands_where_the_test_is(tmp_path: Path, build_study: Build) -> None:
    folder = build_study(tmp_path / "study", pretrained=[], seeds=3)
    ((_, panels),) = difference_figures(_read(folder, p_holm=0.0312))
    assert [">p = 0.031</text>" in drawing(panel) for panel in panels] == [True, False, False]
    assert "(p = 0.031)" in drawing(panels[0])[:600]
    ((_, panels),) = difference_figures(_read(folder))
    assert "p = " not in drawing(panels[0])


def test_the_smallest_worthwhile_difference_is_a_zone_of_the_primary_metric(
    tmp_path: Path, build_study: Build
) -> None:
    folder = build_study(tmp_path / "study", pretrained=[], seeds=3)
    ((_, plain),) = difference_figures(_read(folder))
    ((_, shaded),) = difference_figures(_read(folder, min_effect=0.45))
    assert ["opacity: 0.5" in drawing(panel) for panel in shaded] == [True, False, False]
    assert not any("opacity: 0.5;" in drawing(panel) for panel in plain)
    assert ">0.4</text>" in drawing(shaded[0])  # the axis reaches to it
    assert ">0.4</text>" not in drawing(plain[0])


def test_one_arm_has_no_differences(tmp_path: Path, build_study: Build) -> None:
    folder = build_study(tmp_path / "study", arms=["random"], pretrained=[], seeds=1)
    assert difference_figures(read_study(folder)) == []


def test_the_interval_for_this_test_set_lies_within_that_for_others(
    tmp_path: Path, build_study: Build
) -> None:
    folder = build_study(tmp_path / "study", pretrained=[], seeds=3)
    ((_, panels),) = difference_figures(_read(folder))
    assert "stroke-width: 5" not in drawing(panels[0])  # there is but one
    wider = {"low": -0.9, "high": 0.9, "covers": "seeds and test images"}
    change_rows(folder, "differences", lambda r: r | wider)
    ((_, panels),) = difference_figures(read_study(folder))
    assert "stroke-width: 5" in drawing(panels[0])
