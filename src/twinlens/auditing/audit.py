"""The audit of a data set: everything that can be known before a model is trained on it."""

import time
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from twinlens.auditing.features import compute_features
from twinlens.auditing.label_errors import find_label_errors
from twinlens.auditing.links import find_links, links_frame
from twinlens.auditing.neighbours import nearest_neighbours, whiten
from twinlens.auditing.pretraining_overlap import find_overlap
from twinlens.auditing.quality import find_outliers
from twinlens.auditing.repair import repair_leaking, repairs
from twinlens.auditing.split_audit import audit_split
from twinlens.auditing.summary import summary_sentences, warning_sentences
from twinlens.console import say
from twinlens.data.dataset import SKIPPED, Dataset
from twinlens.data.groups import LINKS
from twinlens.data.splits import Split
from twinlens.errors import UserError
from twinlens.parquet import write_table
from twinlens.records.audit import (
    AuditedData,
    AuditFindings,
    AuditSettings,
    ImageFindings,
    SkippedFile,
)
from twinlens.records.split_audit import SplitFindings
from twinlens.requests.audit import AuditRequest

AUDIT = Path("audit") / "audit.json"
"""Where the audit of a data set is stored in its folder."""


def inspect(
    dataset: Dataset, splits: Sequence[Split], request: AuditRequest | None = None
) -> AuditFindings:
    """Audit a data set and some of its splits.

    Without an encoder, what an earlier audit of the same images found with one is kept.

    Args:
        dataset: What to audit. Of a table without images, only splits and counts are audited.
        splits: Its splits to audit.
        request: Encoder, pretraining runs and device; whether to write and audit repaired splits.
    """
    start, request = time.monotonic(), request or AuditRequest(dataset.path)
    images = _inspect_images(dataset, request)
    links = links_frame(images.links)
    audits = {split.name: audit_split(dataset, split, links) for split in splits}
    if request.fix:
        leaking = [split for split in splits if audits[split.name].leaks.leaking]
        fixed = repair_leaking(dataset, leaking, links)
        repaired = [split for split in fixed if split.name not in audits]
        splits = [*splits, *repaired]
        audits |= {split.name: audit_split(dataset, split, links) for split in repaired}
    overlaps = [find_overlap(dataset, splits, Path(run), links) for run in request.pretrained]
    found = SplitFindings(splits=audits, repairs=repairs(splits), pretraining=overlaps)
    return combine(images, found, time.monotonic() - start)


def inspect_split(dataset: Dataset, split: Split) -> AuditFindings:
    """Return the findings on one split alone, and write nothing.

    They come from the audit that is stored with the data set, if it is of the same images. The
    overlap with pretraining runs is left out.
    """
    stored = stored_findings(dataset)
    if stored is None:
        return inspect(dataset, [split])
    audit = stored.splits.get(split.name)
    if audit is None or audit.hash != split.hash:
        audit = audit_split(dataset, split, links_frame(stored.links))
    found = SplitFindings(splits={split.name: audit}, repairs=repairs([split]), pretraining=[])
    return combine(stored, found, stored.seconds)


def combine(images: ImageFindings, found: SplitFindings, seconds: float) -> AuditFindings:
    """Join the findings on images and on splits, and sum them up."""
    return AuditFindings(
        **{name: getattr(images, name) for name in ImageFindings.model_fields},
        **dict(found),
        leaking=any(split.leaks.leaking for split in found.splits.values()),
        warnings=tuple(warning_sentences(found)),
        summary=tuple(summary_sentences(images, found)),
        seconds=seconds,
    )


def write_findings(dataset: Dataset, findings: AuditFindings) -> None:
    """Store an audit with its data set: the record, and the links as a table for `split`."""
    if not dataset.table_only:
        write_table(dataset.path / LINKS, links_frame(findings.links))
    findings.write(dataset.path / AUDIT)


def stored_findings(dataset: Dataset) -> AuditFindings | None:
    """Return the stored audit of exactly these images, if there is one that can be read."""
    path = dataset.path / AUDIT
    try:
        findings = AuditFindings.read(path) if path.exists() else None
    except UserError as error:
        say(f"WARNING: the stored audit is ignored. {error}")
        return None
    return findings if findings and findings.data.hash == dataset.hash else None


def _inspect_images(dataset: Dataset, request: AuditRequest) -> ImageFindings:
    features, encoder = compute_features(dataset, request)
    neighbours = None if features is None else nearest_neighbours(whiten(features))
    links = find_links(dataset, neighbours)
    errors = None if neighbours is None else find_label_errors(dataset, neighbours)
    earlier = stored_findings(dataset) if features is None else None
    if earlier:
        links += [link for link in earlier.links if link.found_by == "embedding"]
        errors, encoder = earlier.suspected_label_errors, earlier.settings.encoder
    skipped = pd.read_csv(dataset.path / SKIPPED, dtype=str, keep_default_na=False)
    return ImageFindings(
        data=_describe(dataset),
        settings=AuditSettings(encoder=encoder),
        skipped=SkippedFile.from_frame(skipped),
        links=links,
        suspected_label_errors=errors,
        outliers=None if dataset.table_only else find_outliers(dataset),
    )


def _describe(dataset: Dataset) -> AuditedData:
    sizes = dataset.table["group"].value_counts()
    return AuditedData(
        path=str(dataset.path),
        hash=dataset.hash,
        images=len(dataset.table),
        table_only=dataset.table_only,
        size=dataset.size,
        unlabelled=int((dataset.labels < 0).sum()),
        groups=len(sizes),
        multi_image_groups=int((sizes > 1).sum()),
        classes={
            name: int((dataset.labels == number).sum())
            for number, name in enumerate(dataset.classes)
        },
        import_notes=[note.text for note in dataset.record.notes if not note.unused],
    )
