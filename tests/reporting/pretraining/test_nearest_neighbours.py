import io
from base64 import b64decode
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from watched import ACROSS, SIDE, shade, watch

from twinlens.reporting.load_run import read_run
from twinlens.reporting.pretraining.nearest_neighbours import nearest_neighbours, same_class

Build = Callable[..., Path]


@pytest.fixture
def run(tmp_path: Path, build_study: Build) -> Path:
    return watch(build_study(tmp_path / "study", seeds=1) / "runs" / "pretrain-1-0")


def test_each_neighbour_has_its_own_picture_and_label(run: Path) -> None:
    rows = nearest_neighbours(read_run(run))
    assert [row.query.image.id for row in rows] == ["query 0", "query 1", "query 2"]
    for i, row in enumerate(rows):
        for j, shot in enumerate([row.query, *row.before, *row.after]):
            content = b64decode(shot.uri.removeprefix("data:image/jpeg;base64,"))
            with Image.open(io.BytesIO(content)) as picture:
                assert picture.size == (SIDE, SIDE)
                assert np.abs(np.asarray(picture, int) - shade(i, j)).max() < 8
    assert [shot.image.id for shot in rows[0].after] == [f"after {i}" for i in range(ACROSS)]
    assert [shot.image.label for shot in rows[0].before] == ["MEL", *[None] * 4]


def test_without_stored_neighbours_there_are_none(run: Path) -> None:
    (run / "neighbours.json").unlink()
    assert nearest_neighbours(read_run(run)) == []


def test_neighbours_of_the_own_class_are_marked_and_counted(run: Path) -> None:
    rows = nearest_neighbours(read_run(run))
    assert [[shot.same_class for shot in row.after] for row in rows] == [
        [True, True, *[False] * 3]
    ] * 3
    assert same_class(rows) == (3, 6, 15)


def test_images_without_a_label_share_no_class(run: Path) -> None:
    rows = nearest_neighbours(read_run(watch(run, labels=(None,))))
    assert len(rows) == 3
    assert not any(shot.same_class for row in rows for shot in [*row.before, *row.after])
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
