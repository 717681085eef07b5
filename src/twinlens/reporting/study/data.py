"""The section on the data: images by class and split, and the test access log."""

from typing import Any

from twinlens.reporting.study.load_study import StoredStudy
from twinlens.reporting.tables.tables import counts_table, records_table


def content(study: StoredStudy) -> dict[str, Any]:
    """Return the tables that the template shows."""
    accesses = [access.model_dump(exclude_none=True) for access in study.results.test_access]
    return {
        "counts": counts_table(study),
        "test_access": records_table(accesses, "test_access"),
    }
