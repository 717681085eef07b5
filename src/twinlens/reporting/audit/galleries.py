"""The galleries of an audit: pairs of images, suspected label errors and outliers."""

from collections.abc import Callable

import numpy as np

from twinlens.data.dataset import Dataset
from twinlens.records.audit import AuditFindings, Link, QualityOutlier
from twinlens.reporting.formatting import decimal, percent
from twinlens.reporting.gallery import Entry, Facts, Gallery, Thumbnail, show_image

MAX_ACROSS, MAX_CONFLICTS, MAX_OTHERS = 24, 12, 8
"""Pairs shown: on two sides of a split, with two labels, and of each kind among the others."""

MAX_IMAGES = 24
"""Images shown of suspected label errors, and of outliers."""


def pair_galleries(dataset: Dataset, findings: AuditFindings) -> list[Gallery]:
    """Show pairs of images: on two sides of a split first, then with two labels, then by kind."""
    links, show = findings.links, show_image(dataset)
    across = {n for split in findings.splits.values() for n in split.leaks.links}
    conflicts = {*findings.conflicts} - across
    others = [n for n in range(len(links)) if n not in across | conflicts]
    kinds = {
        "Pairs on two sides of a split": (sorted(across), MAX_ACROSS),
        "Pairs with two labels": (sorted(conflicts), MAX_CONFLICTS),
    }
    for title, found_by in (
        ("Exact duplicates", "pixels"),
        ("Near-duplicates by hash", "hash"),
        ("Similar images by embedding", "embedding"),
    ):
        kinds[title] = ([n for n in others if links[n].found_by == found_by], MAX_OTHERS)
    return [
        Gallery(title, [_pair(n, findings, show) for n in _sample(ns, links, most)], len(ns))
        for title, (ns, most) in kinds.items()
        if ns
    ]


def label_error_gallery(dataset: Dataset, findings: AuditFindings) -> Gallery:
    """Show the images whose neighbours agree on another label, highest agreement first."""
    show, suspected = show_image(dataset), findings.suspected_label_errors or []
    entries = [
        Entry(
            [show(image.id, [(f"labelled {image.label}", False)])],
            f"{percent(image.agreement)} of its neighbours: {image.suggested}",
        )
        for image in suspected[:MAX_IMAGES]
    ]
    return Gallery("Suspected label errors", entries, len(suspected))


def outlier_gallery(dataset: Dataset, findings: AuditFindings) -> Gallery:
    """Show the images of unusual quality by reason, the most extreme first."""
    show, outliers = show_image(dataset), findings.outliers or []
    by_reason: dict[str, list[QualityOutlier]] = {}
    for image in outliers:
        by_reason.setdefault(image.reason, []).append(image)
    most = MAX_IMAGES if len(outliers) <= MAX_IMAGES else MAX_IMAGES // len(by_reason)
    entries = [
        Entry(
            [show(image.id, [(image.reason, False)])],
            f"exposure {decimal(image.exposure, digits=1)}, "
            f"contrast {decimal(image.contrast, digits=1)}, "
            f"sharpness {decimal(image.sharpness, digits=1)}",
        )
        for images in by_reason.values()
        for image in images[:most]
    ]
    return Gallery("Outliers in sharpness or exposure", entries, len(outliers))


def _sample(positions: list[int], links: list[Link], most: int) -> list[int]:
    """Choose links evenly over the range of scores, the highest first."""
    ordered = sorted(positions, key=lambda n: -links[n].score)
    chosen = np.linspace(0, len(ordered) - 1, min(most, len(ordered))).round().astype(int)
    return [ordered[place] for place in chosen]


def _pair(
    position: int,
    findings: AuditFindings,
    show: Callable[[str, Facts], Thumbnail],
) -> Entry:
    link, splits = findings.links[position], findings.splits
    straddling = [name for name, split in splits.items() if position in split.leaks.links]
    sides = []
    for image, label, group in (
        (link.a, link.label_a, link.group_a),
        (link.b, link.label_b, link.group_b),
    ):
        facts = [(label or "no label", link.conflicting)]
        for split in straddling or ([*splits] if len(splits) == 1 else []):
            part = splits[split].linked_images[image] or "left out"
            facts.append((f"{split}: {part}" if len(straddling) > 1 else part, split in straddling))
        sides.append(show(image, facts + [(f"group {group}", False)] * (group != image)))
    return Entry(sides, _evidence(link))


def _evidence(link: Link) -> str:
    if link.found_by == "pixels":
        return "the same pixels"
    if link.found_by == "hash":
        return ", ".join(filter(None, [link.transformation, f"correlation {link.score:.2f}"]))
    return f"{percent(1 - link.score)} of the distance to other neighbours"
