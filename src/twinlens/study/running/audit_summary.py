"""The audit of a study's data and split, before anything is trained on them."""

from pathlib import Path

from twinlens.auditing.audit import inspect_split
from twinlens.console import say
from twinlens.data.dataset import Dataset
from twinlens.data.splits import Split
from twinlens.records.audit import AuditFindings, StudyAudit
from twinlens.study.running.paths import AUDIT


def keep_audit(study: Path, dataset: Dataset, split: Split) -> None:
    """Store the audit of the data in the study's folder, and print its warnings.

    Data that the study or the data set already has an audit of are not audited again.
    """
    path = study / AUDIT
    audit = StudyAudit.read(path) if path.exists() else None
    identity = (dataset.hash, split.name, split.hash)
    if audit is None or (audit.data_hash, audit.split, audit.split_hash) != identity:
        audit = _summary(inspect_split(dataset, split), split.name)
        audit.write(path)
    for warning in audit.warnings:
        say(f"WARNING: {warning}")
    if audit.leaking:
        say(
            "WARNING: results on val and test may look better than they are. To see the pairs and "
            f"repair the split: twinlens audit {dataset.path} --split {split.name} --fix"
        )


def _summary(findings: AuditFindings, split: str) -> StudyAudit:
    """Return the findings on one split without the lists."""
    leaks = findings.splits[split].leaks
    return StudyAudit(
        data_hash=findings.data.hash,
        split=split,
        split_hash=findings.splits[split].hash,
        leaking=leaks.leaking,
        straddling_groups=len(leaks.groups),
        straddling_links=len(leaks.links),
        contamination=leaks.contamination,
        counts=findings.counts(),
        settings=findings.settings,
        seconds=findings.seconds,
        warnings=findings.warnings,
        summary=findings.summary,
    )
