from xml.etree import ElementTree

from matplotlib.axes import Axes

from twinlens.reporting.figures.figure_files import ReportFigure
from twinlens.reporting.figures.layout import Frame, Panel
from twinlens.reporting.figures.values import show_value


def _figure() -> ReportFigure:
    def paint(axes: Axes) -> None:
        show_value(axes.plot(0, 1, "o"), 'a <b> & "c": 0.381')
        axes.plot(1, 1, "s")

    return ReportFigure("values", [Panel("", Frame(200, 100), paint, "two marks")])


def test_a_mark_has_its_value_as_a_title_in_the_file_and_on_the_page():
    for svg in (_figure().svg, str(_figure().__html__())):
        svg = svg[svg.index("<svg") :].replace("</div>", "").replace("xlink:", "")
        titles = [e.text for e in ElementTree.fromstring(svg).iter() if e.tag.endswith("title")]
        assert 'a <b> & "c": 0.381' in titles
