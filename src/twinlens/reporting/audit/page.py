"""The audit of a data set, and the page that shows it."""

from collections.abc import Sequence
from pathlib import Path
from shlex import quote
from typing import Any

from twinlens.auditing.audit import AUDIT, inspect
from twinlens.data.dataset import Dataset, open_dataset
from twinlens.data.splits import open_split, split_names
from twinlens.data.table import SPLITS
from twinlens.files import write_text
from twinlens.reporting.audit import composition
from twinlens.reporting.audit import thumbnails as pictures
from twinlens.reporting.formatting import count, listing, share
from twinlens.reporting.rendering import render
from twinlens.reporting.tables import tables

PAGE = AUDIT.with_suffix(".html")
"""Where the page lies in the folder of the data set."""

_RECORDS = 200  # lines of a list on the page; the JSON file holds all


def audit(
    data: Path | str,
    *,
    splits: Sequence[str] = (),
    pretrained: Sequence[Path | str] = (),
    encoder: str | None = None,
    weights: str = "random",
    fix: bool = False,
    device: str = "auto",
) -> dict[str, Any]:
    """Audit a data set, and write ``audit/audit.json`` and ``audit/audit.html`` beside it.

    Args:
        data: Folder of an imported data set.
        splits: Names of the splits to audit; none for all there are.
        pretrained: Pretraining runs: their images are looked for in val and test, and the first
            one's encoder finds neighbours.
        encoder: Instead of theirs, a name in `ENCODERS` or ``timm/NAME``.
        weights: Its weights: a file, or a name in `WEIGHTS`.
        fix: Write a repaired split for each that leaks.
        device: "auto", "cpu", "cuda" or "mps".

    Returns:
        What ``audit/audit.json`` holds; docs/audit.md describes it.

    Raises:
        UserError: There is no such data set, split, run or encoder.
    """
    dataset = open_dataset(data)
    findings = inspect(
        dataset,
        [open_split(dataset, name) for name in splits or split_names(dataset)],
        pretrained=pretrained,
        encoder=encoder,
        weights=weights,
        device=device,
        fix=fix,
    )
    write_text(dataset.path / PAGE, render("audit.html", **content(dataset, findings)))
    return findings


def content(dataset: Dataset, findings: dict[str, Any]) -> dict[str, Any]:
    """Return what the template shows: words, tables, figures and thumbnails."""
    seen = not dataset.table_only
    colours = composition.class_colours(dataset.classes, dataset.class_info)
    return {
        "title": str(dataset.path),
        "notice": dataset.info.get("notice", ""),
        "findings": findings,
        "lead": _lead(findings),
        "key_numbers": _key_numbers(dataset, findings),
        "pairs": pictures.pair_galleries(dataset, findings) if seen else [],
        "doubtful": pictures.doubtful_gallery(dataset, findings) if seen else None,
        "outliers": pictures.outlier_gallery(dataset, findings) if seen else None,
        "splits": [_of_split(dataset, findings, name, colours) for name in findings["splits"]],
        "fix": f"twinlens audit {quote(str(dataset.path))} --fix",
        "pretraining": tables.records_table(_pretrained(findings)),
        "skipped": tables.records_table(findings["skipped"][:_RECORDS]),
        "most": _RECORDS,
        "hashes": tables.facts_table(
            {"data": dataset.hash}
            | {f"split {name}": found["hash"] for name, found in findings["splits"].items()}
        ),
        "settings": tables.facts_table(findings["settings"]),
        "json": str(dataset.path / AUDIT),
    }


def _lead(findings: dict[str, Any]) -> str:
    if findings["warnings"]:
        return "Results on these images may look better than they are."
    if not findings["splits"]:
        return "No split was audited, so nothing can be said about leakage."
    names = [*findings["splits"]]
    where = listing(names) if len(names) <= 3 else f"{len(names)} splits"
    return f"Nothing found that leaks, in {where}."


def _key_numbers(dataset: Dataset, findings: dict[str, Any]) -> list[tuple[str, str, str]]:
    """Return (value, name, detail) of the few numbers that a reader looks for first."""
    data, links = findings["data"], findings["links"]
    kinds = {kind: sum(x["found_by"] == kind for x in links) for kind in ("pixels", "hash")}
    detail = f"{count(len(dataset.classes))} classes"
    if data["unlabelled"]:
        detail += f", {count(data['unlabelled'])} unlabelled"
    numbers = [
        (count(data["images"]), "Images", detail),
        (count(data["groups"]), "Groups", f"{count(data['groups_of_several'])} of several images"),
    ]
    if findings["splits"]:
        known = {n: s["leaks"]["known"]["test"]["any"] for n, s in findings["splits"].items()}
        worst = max(known, key=lambda name: known[name])
        numbers.append((share(known[worst]), "Test images known", f"in training, split {worst}"))
    if not dataset.table_only:
        copies, detail = sum(kinds.values()), f"{count(kinds['pixels'])} exact"
        numbers.append((count(copies), "Copies", detail))
        conflicts = len(findings["conflicts"])
        numbers.append((count(conflicts), "Pairs with two labels", ""))
        numbers.append((count(len(findings["quality"])), "Outliers in quality", ""))
    return numbers


def _of_split(
    dataset: Dataset, findings: dict[str, Any], name: str, colours: dict[str, str]
) -> dict[str, Any]:
    parts, leaks = (findings["splits"][name][key] for key in ("composition", "leaks"))
    counts = {part: about["classes"] for part, about in parts.items()}
    straddling = [
        {"group": group["group"]} | {part: _first(group["images"].get(part, [])) for part in SPLITS}
        for group in leaks["groups"][:_RECORDS]
    ]
    return {
        "name": name,
        "leaking": leaks["leaking"],
        "repair": findings["repaired"].get(name, {}).get("split"),
        "known": tables.known_table(leaks["known"]),
        "straddling": tables.records_table(straddling),
        "torn_count": len(leaks["groups"]),
        "counts": tables.class_counts(counts, dataset.classes, dataset.class_info),
        "panel": composition.class_panel(parts, colours, f"composition-{name}"),
        "legend": composition.class_legend(parts, colours),
        "attributes": composition.attributes_table(parts),
    }


def _first(ids: list[str]) -> str:
    return f"{count(len(ids))}: {', '.join(ids[:3])}" if ids else ""


def _pretrained(findings: dict[str, Any]) -> list[dict[str, Any]]:
    return [
        {
            "pretraining": run["run"],
            "images it saw": count(run["images"]),
            "split": split,
            "part": part,
            "images": count(seen["images"]),
            "seen": count(seen["same"]),
            "copy or sibling seen": count(seen["copy"]),
        }
        for run in findings["pretraining"]
        for split, parts in run.get("seen", {}).items()
        for part, seen in parts.items()
    ]
