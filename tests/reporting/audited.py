"""The audit of a study, as `twinlens compare` stores it."""

from twinlens.records.audit import AuditSettings, FindingCounts, StudyAudit
from twinlens.records.split_audit import Contamination


def study_audit() -> StudyAudit:
    known = Contamination(train=0.2, unlabelled=0.01, any=0.21)
    return StudyAudit(
        data_hash="d", split="robust", split_hash="s", leaking=True,
        straddling_groups=3, straddling_links=0, contamination={"val": known, "test": known},
        counts=FindingCounts(
            exact_duplicates=2, near_duplicates=0, similar_images=0, conflicts=0,
            suspected_label_errors=7, outliers=0, skipped=2,
        ),
        settings=AuditSettings(),
        seconds=1, warnings=(), summary=(),
    )  # fmt: skip
