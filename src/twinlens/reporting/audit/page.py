"""The page that shows the audit of a data set."""

from shlex import quote
from typing import Any

from twinlens.auditing.audit import AUDIT
from twinlens.data.dataset import Dataset
from twinlens.data.table import SPLITS
from twinlens.records.audit import AuditFindings
from twinlens.reporting.audit import composition, thumbnails
from twinlens.reporting.formatting import count, listing, share
from twinlens.reporting.rendering import render
from twinlens.reporting.tables import tables

PAGE = AUDIT.with_suffix(".html")
"""Where the page is stored in the folder of the data set."""

_MAX_ROWS = 200  # of a list on the page; the JSON file holds all


def audit_page(dataset: Dataset, findings: AuditFindings) -> str:
    """Return the page of an audit as HTML."""
    return render("audit/page.html", **content(dataset, findings))


def content(dataset: Dataset, findings: AuditFindings) -> dict[str, Any]:
    """Return what the template shows: words, tables, figures and thumbnails."""
    images = not dataset.table_only
    colours = composition.class_colours(dataset.classes, _class_info(dataset))
    return {
        "title": str(dataset.path),
        "notice": dataset.record.notice,
        "findings": findings,
        "lead": _lead(findings),
        "key_numbers": _key_numbers(dataset, findings),
        "pairs": thumbnails.pair_galleries(dataset, findings) if images else [],
        "label_errors": thumbnails.label_error_gallery(dataset, findings) if images else None,
        "outliers": thumbnails.outlier_gallery(dataset, findings) if images else None,
        "splits": [_of_split(dataset, findings, name, colours) for name in findings.splits],
        "fix": f"twinlens audit {quote(str(dataset.path))} --fix",
        "pretraining": tables.records_table(_pretrained(findings)),
        "skipped": tables.records_table(map(dict, findings.skipped[:_MAX_ROWS])),
        "max_rows": _MAX_ROWS,
        "hashes": tables.facts_table(
            {"data": dataset.hash}
            | {f"split {name}": split.hash for name, split in findings.splits.items()}
        ),
        "settings": tables.facts_table(dict(findings.settings)),
        "json": str(dataset.path / AUDIT),
    }


def _class_info(dataset: Dataset) -> dict[str, dict[str, Any]]:
    return {name: info.model_dump() for name, info in dataset.class_info.items()}


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


def _of_split(
    dataset: Dataset, findings: AuditFindings, name: str, colours: dict[str, str]
) -> dict[str, Any]:
    split, repair = findings.splits[name], findings.repairs.get(name)
    parts, leaks = split.composition, split.leaks
    straddling = [
        {"group": group.group} | {part: _first(group.images.get(part, [])) for part in SPLITS}
        for group in leaks.groups[:_MAX_ROWS]
    ]
    counts = {part: described.classes for part, described in parts.items()}
    return {
        "name": name,
        "leaking": leaks.leaking,
        "repair": repair and repair.split,
        "contamination": tables.contamination_table(leaks.contamination),
        "straddling": tables.records_table(straddling),
        "straddling_count": len(leaks.groups),
        "counts": tables.class_counts(counts, dataset.classes, _class_info(dataset)),
        "panel": composition.class_panel(parts, colours),
        "legend": composition.class_legend(parts, colours),
        "attributes": composition.attributes_table(parts),
    }


def _first(ids: list[str]) -> str:
    return f"{count(len(ids))}: {', '.join(ids[:3])}" if ids else ""


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
