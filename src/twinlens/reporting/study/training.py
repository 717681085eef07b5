"""The section on the training: views, learning-rate searches, losses and schedules."""

from typing import Any

from twinlens.reporting.pretraining.pretraining_section import (
    pretraining_sections,
    pretraining_views,
    training_views,
)
from twinlens.reporting.study import training_curves as curves
from twinlens.reporting.study.arm_runs import by_arm
from twinlens.reporting.study.load_study import StoredStudy


def content(study: StoredStudy) -> dict[str, Any]:
    """Return the pictures and figures that the template shows."""
    pretrained, fine_tuned = by_arm(study, "pretrain"), by_arm(study, "train")
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
