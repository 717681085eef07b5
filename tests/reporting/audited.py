"""The audit of a study, and the page of an audit."""

from pathlib import Path

from html_page import Page

from twinlens.auditing.audit import inspect
from twinlens.data.dataset import Dataset
from twinlens.data.splits import open_split, split_names
from twinlens.records.audit import AuditFindings, AuditSettings, FindingCounts, StudyAudit
from twinlens.records.split_audit import Contamination
from twinlens.reporting.audit.page import audit_page


def find(dataset: Dataset) -> AuditFindings:
    return inspect(dataset, [open_split(dataset, name) for name in split_names(dataset)])


def show(dataset: Dataset, findings: AuditFindings, folder: Path) -> Page:
    path = folder / "page.html"
    path.write_text(audit_page(dataset, findings), encoding="utf-8")
    return Page(path)


def study_audit() -> StudyAudit:
    known = Contamination(train=0.2, unlabelled=0.01, any=0.21)
    counts = FindingCounts(
        exact_duplicates=2, near_duplicates=0, similar_images=0, conflicts=0,
        suspected_label_errors=7, outliers=0, skipped=2,
    )  # fmt: skip
    return StudyAudit(
        data_hash="d", split="robust", split_hash="s", leaking=True,
        straddling_groups=3, straddling_links=0, contamination={"val": known, "test": known},
        counts=counts, settings=AuditSettings(), seconds=1, warnings=(), summary=(),
    )  # fmt: skip
