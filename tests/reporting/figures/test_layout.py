from pathlib import Path

import pytest
from PIL import Image

from twinlens.reporting.figures.layout import Frame, Panel, compose, picture_panel
from twinlens.reporting.figures.style import NARROW, WIDE, arm_mark


def _panel(title: str, width: float = NARROW) -> Panel:
    return Panel(title, Frame(width, 100, left=30), lambda _: None, title, mark=arm_mark(1))


@pytest.mark.parametrize(("width", "columns"), [(NARROW, 3), (WIDE, 2), (800, 1)])
def test_panels_stand_side_by_side_where_there_is_room(width: float, columns: int) -> None:
    one = compose([_panel("a", width)])
    many = compose([_panel(name, width) for name in "abcd"])
    assert many.bbox.size[0] == pytest.approx(columns * (width + 26) - 26 + 16)
    rows = -(-4 // columns)
    assert many.bbox.size[1] == pytest.approx(rows * (one.bbox.size[1] - 16 + 26) - 26 + 16)


def test_a_long_title_and_many_legend_entries_take_more_lines() -> None:
    plain = compose([_panel("a")])
    long = compose([_panel("an arm of a name " * 6)])
    legend = [(arm_mark(i), f"arm number {i}") for i in range(20)]
    marked = compose([_panel("a")], legend)
    assert long.bbox.size[1] > plain.bbox.size[1]
    assert marked.bbox.size[1] > plain.bbox.size[1] + 5 * 16


def test_a_stored_picture_becomes_a_figure_no_wider_than_the_others(tmp_path: Path) -> None:
    Image.new("RGB", (2000, 100), "#aa3311").save(tmp_path / "views.png")
    figure = compose([picture_panel(tmp_path / "views.png")])
    assert figure.bbox.size.tolist() == pytest.approx([930 + 24, 46.5 + 16])
