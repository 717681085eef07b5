"""The audit of a data set, stored as JSON and as a page."""

from twinlens.auditing.audit import inspect, write_findings
from twinlens.data.dataset import open_dataset
from twinlens.data.splits import open_split, split_names
from twinlens.files import write_text
from twinlens.records.audit import AuditFindings
from twinlens.reporting.audit.page import PAGE, audit_page
from twinlens.requests.audit import AuditRequest
from twinlens.requests.base import accepts


@accepts(AuditRequest)
def audit(request: AuditRequest) -> AuditFindings:
    """Audit a data set; write ``audit/audit.json`` and ``audit/audit.html`` into its folder.

    Returns:
        The content of ``audit/audit.json``; docs/audit.md describes it.

    Raises:
        UserError: There is no such data set, split, run or encoder.
    """
    dataset = open_dataset(request.dataset)
    splits = [open_split(dataset, name) for name in request.splits or split_names(dataset)]
    findings = inspect(dataset, splits, request)
    write_findings(dataset, findings)
    write_text(dataset.path / PAGE, audit_page(dataset, findings))
    return findings
