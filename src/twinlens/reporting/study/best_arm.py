"""The section on the best arm: what `twinlens evaluate` measures of it, as one model."""

from functools import partial
from typing import Any

from twinlens.reporting.evaluation.page import SECTIONS, key_numbers, render_sections
from twinlens.reporting.study.load_study import StoredStudy

_SHOWN = [anchor for anchor in SECTIONS if anchor != "examples"]  # these need the images


def content(study: StoredStudy) -> dict[str, Any]:
    """Return what the template shows; `parts` renders the sections of the evaluation."""
    found = study.evaluation
    if not found:
        return {"arm": None}
    record = found.record
    return {
        "arm": record.request.arm,
        "record": record,
        "key_numbers": key_numbers(record),
        "parts": partial(render_sections, found, _SHOWN),
    }
