"""The page of an evaluation: stored files in, one self-contained HTML file out."""

from pathlib import Path
from types import ModuleType

from markupsafe import Markup

from twinlens.files import write_text
from twinlens.reporting.evaluation import metrics
from twinlens.reporting.evaluation.load_evaluation import StoredEvaluation, read_evaluation
from twinlens.reporting.rendering import Numbered, render
from twinlens.reporting.tables.exports import export

PAGE = "report.html"

SECTIONS: dict[str, tuple[str, ModuleType]] = {
    "metrics": ("Metrics", metrics),
}
"""Title and module by anchor, in the order of the page; the first section is unfolded.

The module's `content` takes the stored evaluation and returns what the template of its name shows.
"""


def evaluation_report(folder: Path) -> Path:
    """Write the page of an evaluation from its stored files alone.

    Beside it lie its tables as CSV and LaTeX in ``tables/``, its figures as SVG and PDF in
    ``figures/``.

    Returns:
        Path of the page.

    Raises:
        UserError: The folder holds no evaluation.
    """
    page, numbered = build_page(read_evaluation(folder))
    export(folder, numbered)
    write_text(folder / PAGE, page)
    return folder / PAGE


def build_page(evaluation: StoredEvaluation) -> tuple[str, list[Numbered]]:
    """Return the HTML of the page, and its tables and figures in the order of appearance."""
    numbered: list[Numbered] = []
    shared = {"evaluation": evaluation, "record": evaluation.record}
    sections = []
    for anchor, (title, section) in SECTIONS.items():
        template = f"evaluation/{section.__name__.rpartition('.')[-1]}.html"
        html = render(template, numbered, **shared, **section.content(evaluation))
        sections.append((anchor, title, Markup(html)))
    page = render("evaluation/page.html", numbered, sections=sections, **shared)
    return page, numbered
