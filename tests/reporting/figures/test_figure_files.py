import re
from collections.abc import Callable
from pathlib import Path
from xml.etree import ElementTree

from matplotlib.axes import Axes

from twinlens.reporting.figures.figure_files import ReportFigure
from twinlens.reporting.figures.layout import Frame, Panel
from twinlens.reporting.figures.style import NARROW, Legend, Mark, arm_mark
from twinlens.reporting.study import results, training
from twinlens.reporting.study.load_study import read_study

SAVE = ReportFigure.save  # that of the session is replaced


def _panel(title: str, *, width: float = NARROW, note: str = "") -> Panel:
    def paint(axes: Axes) -> None:
        axes.plot([0, 1], [0, 1], color="#0072b2")

    legend = [(Mark("#d55e00", linestyle="-"), "its own line")]
    return Panel(title, Frame(width, 100, left=30), paint, title, note, arm_mark(1), legend)


def save_figure(path: Path, panels: list[Panel], legend: Legend = ()) -> list[Path]:
    return SAVE(ReportFigure(path.name, panels, legend), path)


def _size(svg: Path) -> tuple[float, float]:
    found = re.search(r'viewBox="0 0 ([\d.]+) ([\d.]+)"', svg.read_text(encoding="utf-8"))
    assert found
    return float(found[1]), float(found[2])


def test_a_figure_is_the_same_bytes_each_time(tmp_path: Path) -> None:
    first, second = (save_figure(tmp_path / n / "figure", [_panel("a")]) for n in ("1", "2"))
    assert [path.name for path in first] == ["figure.svg", "figure.pdf"]
    assert [path.read_bytes() for path in first] == [path.read_bytes() for path in second]
    assert sorted(path.name for path in (tmp_path / "1").iterdir()) == ["figure.pdf", "figure.svg"]


def test_a_file_has_real_colours_titles_legends_and_notes(tmp_path: Path) -> None:
    panels = [_panel("first", note="A remark."), _panel("second")]
    svg, pdf = save_figure(tmp_path / "v1.5", panels, [(arm_mark(0), "the reference")])
    text = svg.read_text(encoding="utf-8")
    assert "var(--" not in text
    assert "#0072b2" in text
    words = [element.text for element in ElementTree.fromstring(text).iter() if element.text]
    for word in ("first", "second", "A remark.", "the reference", "its own line"):
        assert any(word == found.strip() for found in words)
    content = pdf.read_bytes()
    assert content.startswith(b"%PDF")
    assert b"DejaVuSans" in content
    assert b"CreationDate" not in content


def test_every_drawing_of_a_study_can_be_saved(
    tmp_path: Path, build_study: Callable[..., Path]
) -> None:
    study = read_study(build_study(tmp_path / "study", seeds=2))
    content = results.content(study) | training.content(study)
    for name in ("class_panels", "fine_tuning_searches", "schedule_panels"):
        svg, _ = save_figure(tmp_path / name, content[name], [(arm_mark(0), "random")])
        assert "var(--" not in svg.read_text(encoding="utf-8")
