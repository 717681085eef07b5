"""The section on the results: arms, differences, label savings and classes."""

from typing import Any

from twinlens.reporting.study import per_class, result_tables
from twinlens.reporting.study.class_panels import class_panels
from twinlens.reporting.study.confusion import confusion_panel, confusions
from twinlens.reporting.study.forest_plots import difference_figures
from twinlens.reporting.study.label_efficiency import label_legend, label_panels
from twinlens.reporting.study.load_study import StoredStudy
from twinlens.reporting.study.operating_curves import operating_curves


def content(study: StoredStudy) -> dict[str, Any]:
    """Return the tables and figures that the template shows."""
    return {
        "arms": result_tables.arms_table(study),
        "differences": result_tables.differences_table(study),
        "effect_sizes": result_tables.size_table(study),
        "difference_figures": difference_figures(study),
        "label_panels": label_panels(study),
        "label_legend": label_legend(study),
        "equivalent_labels": equivalent_labels(study),
        "f1_by_class": per_class.f1_table(study),
        "class_panels": class_panels(study),
        "classifications": per_class.classifications(study),
        "confusion_panels": [*map(confusion_panel, confusions(study))],
        "operating_curves": operating_curves(study),
    }


def equivalent_labels(study: StoredStudy) -> list[str]:
    """Return sentences on the equivalent labels of the arms, the largest label fraction first."""
    efficiency = study.results.label_efficiency
    rows = efficiency.equivalent_labels if efficiency else []
    rows = sorted(rows, key=lambda row: (-row.label_fraction, study.arms.index(row.arm)))
    return [row.sentence for row in rows]
