"""The page of an audit, of a small data set that leaks."""

from collections.abc import Callable
from pathlib import Path

import pytest
from html_page import Page

import twinlens
from twinlens.auditing.audit import inspect
from twinlens.data.dataset import Dataset
from twinlens.data.splits import open_split, split_names
from twinlens.records.audit import AuditFindings
from twinlens.reporting.audit.page import audit_page


@pytest.fixture(scope="session")
def find() -> Callable[[Dataset], AuditFindings]:
    """A function that audits all splits of a data set."""

    def find(dataset: Dataset) -> AuditFindings:
        return inspect(dataset, [open_split(dataset, name) for name in split_names(dataset)])

    return find


@pytest.fixture
def show(tmp_path: Path) -> Callable[[Dataset, AuditFindings], Page]:
    """A function that renders findings as a page."""

    def show(dataset: Dataset, findings: AuditFindings) -> Page:
        path = tmp_path / "page.html"
        path.write_text(audit_page(dataset, findings), encoding="utf-8")
        return Page(path)

    return show


@pytest.fixture
def page(leaking: Path) -> Page:
    twinlens.audit(leaking)
    return Page(leaking / "audit" / "audit.html")
