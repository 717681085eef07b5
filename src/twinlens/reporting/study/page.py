"""The page of a study: stored files in, one self-contained HTML file out, and files beside it."""

from pathlib import Path
from types import ModuleType

from markupsafe import Markup

from twinlens.files import write_text
from twinlens.records.evaluation import EVALUATION
from twinlens.reporting.evaluation.page import evaluation_report
from twinlens.reporting.figures.style import arm_mark
from twinlens.reporting.pretraining.page import pretraining_report
from twinlens.reporting.rendering import Numbered, render
from twinlens.reporting.study import (
    audit,
    checklist,
    cost,
    data,
    errors,
    methods,
    reproducibility,
    results,
    summary,
    training,
)
from twinlens.reporting.study.load_study import StoredStudy, read_study
from twinlens.reporting.tables.exports import export
from twinlens.reporting.tuning.page import tuning_report
from twinlens.requests.base import accepts
from twinlens.requests.report import ReportRequest
from twinlens.study.running.locks import study_lock
from twinlens.study.tuning.tune import RESULTS as TUNING

SECTIONS: dict[str, tuple[str, ModuleType]] = {
    "results": ("Results", results),
    "errors": ("Errors", errors),
    "data": ("Data", data),
    "audit": ("Audit", audit),
    "methods": ("Methods", methods),
    "training": ("Training", training),
    "cost": ("Cost", cost),
    "record": ("Record", reproducibility),
    "checklist": ("Checklist", checklist),
}
"""Title and module by anchor, in the order of the page; the first section is unfolded.

The module's `content` returns what the template of its name shows.
"""


@accepts(ReportRequest)
def report(request: ReportRequest) -> Path:
    """Write the page of a study, a pretraining, a search or an evaluation from stored files alone.

    Beside a study's page lie its tables as CSV and LaTeX in ``tables/``, and its figures as SVG
    and PDF in ``figures/``.

    Returns:
        Path of ``report.html`` in that folder.

    Raises:
        UserError: The folder holds none of these, or a ``tables`` or ``figures`` that is not ours.
    """
    folder = Path(request.folder)
    if (folder / "run.json").is_file():
        return pretraining_report(folder)
    if (folder / TUNING).is_file():
        return tuning_report(folder)
    if (folder / EVALUATION).is_file():
        return evaluation_report(folder)
    study = read_study(folder)
    page, numbered = build_page(study)
    out = study.folder / "report.html"
    with study_lock(study.folder):
        export(study.folder, numbered)
        write_text(out, page)
    return out


def build_page(study: StoredStudy) -> tuple[str, list[Numbered]]:
    """Return the HTML of a study's page, and its tables and figures in the order of appearance."""
    numbered: list[Numbered] = []
    shared = {
        "study": study,
        "arm_legend": [(arm_mark(i), study.arm_title(arm)) for i, arm in enumerate(study.arms)],
        "reference": study.arm_title(study.reference),
    }
    head = render("study/summary.html", numbered, **shared, **summary.content(study))
    sections = []
    for anchor, (title, section) in SECTIONS.items():
        template = f"study/{section.__name__.rpartition('.')[-1]}.html"
        html = render(template, numbered, **shared, **section.content(study))
        sections.append((anchor, title, Markup(html)))
    page = render("study/page.html", numbered, head=Markup(head), sections=sections, **shared)
    return page, numbered
