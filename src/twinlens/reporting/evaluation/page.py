"""The page of an evaluation: stored files in, one self-contained HTML file out."""

from collections.abc import Iterable
from pathlib import Path
from types import ModuleType

from markupsafe import Markup

from twinlens.files import write_text
from twinlens.records.evaluation import Estimate, EvaluationRecord
from twinlens.reporting.evaluation import (
    abstention,
    binary,
    calibration,
    classes,
    examples,
    metrics,
    prevalence,
    subgroups,
    summary,
)
from twinlens.reporting.evaluation.load_evaluation import StoredEvaluation, read_evaluation
from twinlens.reporting.formatting import count, decimal, metric_title, plural
from twinlens.reporting.rendering import Numbered, render
from twinlens.reporting.tables.exports import export
from twinlens.reporting.tables.tables import facts_table

PAGE = "report.html"
_KEY = ("balanced_accuracy", "macro_auc", "macro_f1")

SECTIONS: dict[str, tuple[str, ModuleType]] = {
    "metrics": ("Metrics", metrics),
    "classes": ("Classes", classes),
    "binary": ("Binary task", binary),
    "calibration": ("Calibration", calibration),
    "abstention": ("When not to answer", abstention),
    "subgroups": ("Subgroups", subgroups),
    "prevalence": ("Other prevalences", prevalence),
    "examples": ("Errors and why", examples),
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
    record = evaluation.record
    page = render(
        "evaluation/page.html",
        numbered,
        sections=render_sections(evaluation, SECTIONS, numbered),
        answers=summary.answers(record),
        key_numbers=key_numbers(record),
        facts=facts_table(_facts(record)),
        command=record.request.command_line(),
        record=record,
    )
    return page, numbered


def render_sections(
    evaluation: StoredEvaluation, anchors: Iterable[str], numbered: list[Numbered]
) -> list[tuple[str, str, Markup]]:
    """Return anchor, title and HTML of sections, given their anchors in `SECTIONS`.

    Their tables and figures are appended to those numbered so far.
    """
    rendered = []
    for anchor in anchors:
        title, section = SECTIONS[anchor]
        template = f"evaluation/{section.__name__.rpartition('.')[-1]}.html"
        shown = {"record": evaluation.record} | section.content(evaluation)
        rendered.append((anchor, title, Markup(render(template, numbered, **shown))))
    return rendered


def key_numbers(record: EvaluationRecord) -> list[tuple[str, str, str]]:
    """Return (value, name, detail) of the few numbers that a reader looks for first."""
    first, scores = record.data[0], record.data[0].by_image
    shown: list[tuple[str, Estimate]] = [
        (metric_title(name), scores.metrics[name]) for name in _KEY if name in scores.metrics
    ]
    if first.binary:
        shown.append((f"AUC of {first.binary.title}", first.binary.auc))
    calibration_of = first.calibration.after or first.calibration.before
    shown.append(("Calibration error", calibration_of.ece))
    images = (count(scores.n), "Images", f"{first.name}, {plural(scores.groups, 'group')}")
    return [images, *((decimal(e.value), name, _ends(e)) for name, e in shown)]


def _ends(estimate: Estimate) -> str:
    if estimate.low is None or estimate.high is None:
        return "no interval"
    return f"{decimal(estimate.low)} to {decimal(estimate.high)}"


def _facts(record: EvaluationRecord) -> dict[str, object]:
    """Return what identifies the evaluation."""
    facts: dict[str, object] = {"model": str(record.request.model)}
    for data in record.data:
        where = f"{data.path}, {data.part}, {'internal' if data.internal else 'external'}"
        facts[f"data {data.name}"] = f"{where}, hash {data.data_hash}"
    views = sorted({views.views for views in record.test_time})
    return (
        facts
        | {"members": len(record.test_time), "views averaged": views}
        | {"device": record.environment.device, "precision": record.environment.precision}
    )
