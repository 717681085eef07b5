"""The page of a study: stored files in, one self-contained HTML file out, and files beside it."""

from pathlib import Path
from shlex import quote
from typing import Any

from twinlens.files import write_text
from twinlens.reporting.figures.style import arm_mark
from twinlens.reporting.pretraining.page import pretraining_report
from twinlens.reporting.pretraining.pretraining_section import (
    pretraining_sections,
    pretraining_views,
    training_views,
)
from twinlens.reporting.rendering import rendered
from twinlens.reporting.study import cost, methods, per_class
from twinlens.reporting.study import forest_plots as figures
from twinlens.reporting.study import reproducibility as record
from twinlens.reporting.study import result_tables as comparison
from twinlens.reporting.study import summary as front
from twinlens.reporting.study import training_curves as curves
from twinlens.reporting.study.augmentation import augmentation_table
from twinlens.reporting.study.checklist import checklist
from twinlens.reporting.study.confusion import confusion_panel, confusions
from twinlens.reporting.study.label_efficiency import label_legend, label_panels
from twinlens.reporting.study.load_study import StoredStudy, read_study
from twinlens.reporting.study.method_diagram import embedding_panels
from twinlens.reporting.study.operating_curves import operating_curves
from twinlens.reporting.study.pipeline_diagram import framework_panel
from twinlens.reporting.tables import tables
from twinlens.reporting.tables.exports import export
from twinlens.study.running.locks import study_lock

SECTIONS = (  # anchor, title in the navigation, template
    ("methods", "Methods", "study/methods.html"),
    ("results", "Results", "study/result_tables.html"),
    ("data", "Data", "study/data.html"),
    ("audit", "Audit", "study/audit.html"),
    ("training", "Training", "study/training_curves.html"),
    ("cost", "Cost", "study/cost.html"),
    ("record", "Record", "study/reproducibility.html"),
    ("checklist", "Checklist", "study/checklist.html"),
    ("files", "Files", "study/files.html"),
)


def report(folder: Path) -> Path:
    """Write the page of a finished study or pretraining from its stored files alone.

    Beside a study's page lie its tables as CSV and LaTeX in ``tables/``, and its figures as SVG
    and PDF in ``figures/``.

    Args:
        folder: Folder that `twinlens compare` or `twinlens pretrain` has written.

    Returns:
        Path of ``report.html`` in that folder.

    Raises:
        UserError: The folder holds neither, or a ``tables`` or ``figures`` that is not ours.
    """
    if (Path(folder) / "run.json").is_file():
        return pretraining_report(folder)
    study = read_study(Path(folder))
    page, numbered = rendered("study/page.html", sections=SECTIONS, **content(study))
    out = study.folder / "report.html"
    with study_lock(study.folder):
        export(study.folder, numbered)
        write_text(out, page)
    return out


def content(study: StoredStudy) -> dict[str, Any]:
    """Return what the templates show: words, tables and figures, section by section."""
    return {
        "study": study,
        "arm_legend": [(arm_mark(i), study.arm_title(arm)) for i, arm in enumerate(study.arms)],
        "reference": study.arm_title(study.reference),
        "key_numbers": front.key_numbers(study),
        "notices": front.notices(study),
        **_methods(study),
        **_results(study),
        **_data(study),
        **_training(study),
        **_record(study),
    }


def _methods(study: StoredStudy) -> dict[str, Any]:
    return {
        "design": methods.design(study),
        "framework": framework_panel(study),
        "joint_embeddings": embedding_panels(study),
        "pretrainings": methods.pretrainings(study),
        "trainings": methods.trainings(study),
        "arm_settings": methods.settings_table(study),
        "augmentation": augmentation_table(study),
    }


def _results(study: StoredStudy) -> dict[str, Any]:
    matrices = confusions(study)
    return {
        "arms": comparison.arms_table(study),
        "differences": comparison.differences_table(study),
        "effect_sizes": comparison.size_table(study),
        "difference_figures": figures.difference_figures(study),
        "label_panels": label_panels(study),
        "label_legend": label_legend(study),
        "equivalent_labels": front.equivalent_labels(study),
        "advice": study.results.advice,
        "best": front.best(study),
        "f1_by_class": per_class.f1_table(study),
        "class_panels": figures.class_panels(study),
        "classifications": per_class.classifications(study),
        "confusions": matrices,
        "confusion_panels": [*map(confusion_panel, matrices)],
        "operating_curves": operating_curves(study),
    }


def _data(study: StoredStudy) -> dict[str, Any]:
    test_access = [entry.model_dump() for entry in study.results.test_access]
    return {
        "counts": tables.counts_table(study),
        "contamination": tables.contamination_table(study.audit.contamination)
        if study.audit
        else None,
        "test_access": tables.records_table(test_access, "test_access"),
    }


def _training(study: StoredStudy) -> dict[str, Any]:
    pretrained, fine_tuned = curves.by_arm(study, "pretrain"), curves.by_arm(study, "train")
    terms = curves.loss_columns(pretrained)
    return {
        "pretraining_sections": pretraining_sections(pretrained, study.folder),
        "views": pretraining_views(pretrained, study.folder),
        "training_views": training_views(fine_tuned, study.folder),
        "pretraining_searches": curves.lr_finder_panels(pretrained),
        "fine_tuning_searches": curves.lr_finder_panels(fine_tuned),
        "schedule_panels": curves.schedule_panels([*fine_tuned, *pretrained]),
        "pretraining_losses": curves.loss_panels(pretrained),
        "pretraining_terms": curves.loss_legend(terms),
        "has_floor": "floor" in terms,
        "fine_tuning_losses": curves.loss_panels(fine_tuned),
    }


def _record(study: StoredStudy) -> dict[str, Any]:
    folder = quote(str(study.folder))
    return {
        "cost": cost.cost_table(study),
        "runs": cost.runs_table(study),
        "failures": tables.records_table(record.failures(study), "failures"),
        "environment": tables.facts_table(study.environment, "environment"),
        "hashes": tables.facts_table(record.hashes(study), "hashes"),
        "command": f"twinlens compare {folder}/study.yaml --out {folder}-again",
        "settings": record.settings(study),
        "checklist": checklist(study),
    }
