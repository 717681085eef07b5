from collections.abc import Callable
from pathlib import Path

import pytest
from html_page import drawing
from watched import watch

from twinlens.reporting.figures.layout import Panel
from twinlens.reporting.figures.style import Legend
from twinlens.reporting.load_run import read_run
from twinlens.reporting.pretraining.embedding import map_panels
from twinlens.reporting.study.arm_runs import ArmRuns

Build = Callable[..., Path]


@pytest.fixture
def run(tmp_path: Path, build_study: Build) -> Path:
    return watch(build_study(tmp_path / "study", seeds=1) / "runs" / "pretrain-1-0")


def _maps(run: Path) -> tuple[list[Panel], Legend]:
    return map_panels(ArmRuns("", 1, [read_run(run)]))


def _dots(panel: Panel) -> int:
    return drawing(panel).count("<use ")


def test_both_maps_show_every_image_once(run: Path) -> None:
    panels, legend = _maps(run)
    assert [panel.title for panel in panels] == ["Before pretraining", "After pretraining"]
    assert [_dots(panel) for panel in panels] == [40, 40]
    assert [name for _, name in legend] == ["MEL", "NV", "BCC", "no label"]
    assert "MEL 10, NV 10, BCC 10, no label 10" in drawing(panels[0])
    assert drawing(panels[0]) != drawing(panels[1])


def test_classes_have_their_own_colours_where_known(run: Path) -> None:
    panels, legend = _maps(watch(run, labels=("MEL", "wart")))
    assert "fill:color-mix(in srgb, #b22222 var(--own), var(--ink))" in legend[0][0].__html__()
    assert "fill:var(--colour-" in legend[1][0].__html__()
    drawn = "fill: color-mix(in srgb, #b22222 var(--own), var(--ink))"
    assert drawing(panels[1]).count(drawn) == 1  # for all dots of the class


def test_thirty_classes_are_told_apart_by_colour_and_mark(run: Path) -> None:
    names = [f"class {number:02d}" for number in range(30)]
    panels, legend = _maps(watch(run, labels=names, images=60))
    assert [name for _, name in legend] == names
    assert len({mark for mark, _ in legend}) == 30
    assert [_dots(panel) for panel in panels] == [60, 60]


def test_images_without_labels_have_one_colour_and_no_legend(run: Path) -> None:
    panels, legend = _maps(watch(run, labels=(None,)))
    assert legend == []
    assert [_dots(panel) for panel in panels] == [40, 40]
    assert "var(--colour-1)" in drawing(panels[0])


def test_a_map_of_very_many_images_is_thinned_and_says_so(run: Path) -> None:
    panels, _ = _maps(watch(run, images=2500))
    assert [_dots(panel) for panel in panels] == [1000, 1000]
    assert panels[0].note == "1,000 of the 2,500 images on the map."


def test_without_a_stored_map_there_is_none(run: Path) -> None:
    (run / "embedding.parquet").unlink()
    assert _maps(run) == ([], [])
