"""The page that shows the audit of a data set."""

from shlex import quote
from typing import Any

from twinlens.auditing.audit import AUDIT
from twinlens.data.dataset import Dataset
from twinlens.records.audit import AuditFindings
from twinlens.reporting.audit import galleries
from twinlens.reporting.audit.split_section import MAX_ROWS, split_sections
from twinlens.reporting.formatting import count, listing, share
from twinlens.reporting.rendering import render
from twinlens.reporting.tables import tables

PAGE = AUDIT.with_suffix(".html")
"""Where the page is stored in the folder of the data set."""


def audit_page(dataset: Dataset, findings: AuditFindings) -> str:
    """Return the page of an audit as HTML."""
    return render("audit/page.html", **content(dataset, findings))


def content(dataset: Dataset, findings: AuditFindings) -> dict[str, Any]:
    """Return what the template shows: words, tables, figures and galleries."""
    images = not dataset.table_only
    return {
        "title": str(dataset.path),
        "notice": dataset.record.notice,
        "findings": findings,
        "lead": _lead(findings),
        "key_numbers": _key_numbers(dataset, findings),
        "pairs": galleries.pair_galleries(dataset, findings) if images else [],
        "label_errors": galleries.label_error_gallery(dataset, findings) if images else None,
        "outliers": galleries.outlier_gallery(dataset, findings) if images else None,
        "splits": split_sections(dataset, findings),
        "fix": f"twinlens audit {quote(str(dataset.path))} --fix",
        "pretraining": tables.records_table(_pretrained(findings)),
        "skipped": tables.records_table(map(dict, findings.skipped[:MAX_ROWS])),
        "max_rows": MAX_ROWS,
        "hashes": tables.facts_table(
            {"data": dataset.hash}
            | {f"split {name}": split.hash for name, split in findings.splits.items()}
        ),
        "settings": tables.facts_table(dict(findings.settings)),
        "json": str(dataset.path / AUDIT),
    }


def _lead(findings: AuditFindings) -> str:
    if findings.warnings:
        return "Results on these images may look better than they are."
    if not findings.splits:
        return "No split was audited, so nothing can be said about leakage."
    names = [*findings.splits]
    where = listing(names) if len(names) <= 3 else f"{len(names)} splits"
    return f"No leaks were found in {where}."


def _key_numbers(dataset: Dataset, findings: AuditFindings) -> list[tuple[str, str, str]]:
    """Return (value, name, detail) of the few numbers that a reader looks for first."""
    data, counts = findings.data, findings.counts()
    detail = f"{count(len(dataset.classes))} classes"
    if data.unlabelled:
        detail += f", {count(data.unlabelled)} unlabelled"
    numbers = [
        (count(data.images), "Images", detail),
        (count(data.groups), "Groups", f"{count(data.multi_image_groups)} of several images"),
    ]
    if findings.splits:
        shares = {n: s.leaks.contamination["test"].any for n, s in findings.splits.items()}
        worst = max(shares, key=lambda name: shares[name])
        numbers.append((share(shares[worst]), "Test images known", f"in training, split {worst}"))
    if not dataset.table_only:
        copies = counts.exact_duplicates + counts.near_duplicates
        numbers += [
            (count(copies), "Copies", f"{count(counts.exact_duplicates)} exact"),
            (count(counts.conflicts), "Pairs with two labels", ""),
            (count(counts.outliers or 0), "Outliers in quality", ""),
        ]
    return numbers


def _pretrained(findings: AuditFindings) -> list[dict[str, str]]:
    return [
        {
            "pretraining": run.run,
            "images it saw": count(run.images),
            "split": split,
            "part": part,
            "images": count(seen.images),
            "seen": count(seen.same),
            "copy or sibling seen": count(seen.copies),
        }
        for run in findings.pretraining
        for split, parts in (run.seen or {}).items()
        for part, seen in parts.items()
    ]
