"""The section on the audit of the data that preceded the runs."""

from typing import Any

from twinlens.reporting.study.load_study import StoredStudy
from twinlens.reporting.tables.tables import contamination_table


def content(study: StoredStudy) -> dict[str, Any]:
    """Return the table of contaminated images, where an audit is stored."""
    audit = study.audit
    return {"contamination": contamination_table(audit.contamination) if audit else None}
