import io
from base64 import b64decode
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from watched import ACROSS, SIDE, shade, watch

from twinlens.reporting.figures.svg import Panel
from twinlens.reporting.load_run import read_run
from twinlens.reporting.pretraining.embedding import (
    Legend,
    map_panels,
    nearest_neighbours,
    same_class,
)
from twinlens.reporting.study.training_curves import ArmRuns

Build = Callable[..., Path]


@pytest.fixture
def run(tmp_path: Path, build_study: Build) -> Path:
    return watch(build_study(tmp_path / "study", seeds=1) / "runs" / "pretrain-1-0")


def _maps(run: Path) -> tuple[list[Panel], Legend]:
    return map_panels(ArmRuns("", 1, [read_run(run)]))


def _dots(panel: Panel) -> int:
    return str(panel.drawing).count("<use ")


def test_both_maps_show_every_image_once(run: Path) -> None:
    panels, legend = _maps(run)
    assert [panel.title for panel in panels] == ["Before pretraining", "After pretraining"]
    assert [_dots(panel) for panel in panels] == [40, 40]
    assert [name for _, name in legend] == ["MEL", "NV", "BCC", "no label"]
    assert "MEL 10, NV 10, BCC 10, no label 10" in panels[0].drawing
    assert panels[0].drawing != panels[1].drawing


def test_classes_have_their_own_colours_where_known(run: Path) -> None:
    panels, legend = _maps(watch(run, labels=("MEL", "wart")))
    assert "fill:color-mix(in srgb, #b22222 var(--own), var(--ink))" in legend[0][0]
    assert "fill:var(--colour-" in legend[1][0]
    drawn = "fill: color-mix(in srgb, #b22222 var(--own), var(--ink))"
    assert panels[1].drawing.count(drawn) == 1  # for all dots of the class


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
    assert "var(--colour-1)" in panels[0].drawing


def test_a_map_of_very_many_images_is_thinned_and_says_so(run: Path) -> None:
    panels, _ = _maps(watch(run, images=2500))
    assert [_dots(panel) for panel in panels] == [1000, 1000]
    assert panels[0].note == "1,000 of the 2,500 images on the map."


def test_a_run_of_an_older_version_has_neither_map_nor_neighbours(run: Path) -> None:
    for name in ("embedding.parquet", "neighbours.json", "neighbours.png"):
        (run / name).unlink()
    assert _maps(run) == ([], [])
    assert nearest_neighbours(read_run(run)) == []


def test_each_neighbour_has_its_own_picture_and_label(run: Path) -> None:
    rows = nearest_neighbours(read_run(run))
    assert [row.query.name for row in rows] == ["query 0", "query 1", "query 2"]
    for i, row in enumerate(rows):
        for j, shot in enumerate([row.query, *row.before, *row.after]):
            content = b64decode(shot.uri.removeprefix("data:image/jpeg;base64,"))
            with Image.open(io.BytesIO(content)) as picture:
                assert picture.size == (SIDE, SIDE)
                assert np.abs(np.asarray(picture, int) - shade(i, j)).max() < 8
    assert [shot.name for shot in rows[0].after] == [f"after {i}" for i in range(ACROSS)]
    assert [shot.label for shot in rows[0].before] == ["MEL", *["no label"] * 4]


def test_neighbours_of_the_own_class_are_marked_and_counted(run: Path) -> None:
    rows = nearest_neighbours(read_run(run))
    assert [[shot.own for shot in row.after] for row in rows] == [[True, True, *[False] * 3]] * 3
    assert same_class(rows) == (3, 6, 15)


def test_images_without_a_label_share_no_class(run: Path) -> None:
    rows = nearest_neighbours(read_run(watch(run, labels=(None,))))
    assert len(rows) == 3
    assert not any(shot.own for row in rows for shot in [*row.before, *row.after])
    assert same_class(rows) is None


@pytest.mark.parametrize("damage", ["missing", "no picture", "another size"])
def test_a_damaged_picture_of_neighbours_is_not_shown(run: Path, damage: str) -> None:
    path = run / "neighbours.png"
    path.unlink()
    if damage == "no picture":
        path.write_text("no picture")
    if damage == "another size":
        Image.new("RGB", (90, 90)).save(path)
    assert nearest_neighbours(read_run(run)) == []
