"""The page of a study: stored files in, one self-contained HTML file out, and files beside it."""

from pathlib import Path
from types import ModuleType

from markupsafe import Markup

from twinlens.files import write_text
from twinlens.reporting.figures.style import arm_mark
from twinlens.reporting.rendering import Numbered, render
from twinlens.reporting.study import (
    audit,
    best_arm,
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
from twinlens.study.running.locks import study_lock

SECTIONS: dict[str, tuple[str, ModuleType]] = {
    "results": ("Results", results),
    "best": ("Best arm", best_arm),
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


def study_report(folder: Path) -> Path:
    """Write the page of a study, its tables in ``tables/`` and its figures in ``figures/``.

    Returns:
        Path of the page.

    Raises:
        UserError: The folder holds no study, or a ``tables`` or ``figures`` that is not ours.
    """
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
