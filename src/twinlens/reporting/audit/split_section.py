"""What the page of an audit shows of each split."""

from dataclasses import dataclass

from twinlens.data.dataset import Dataset
from twinlens.data.table import SPLITS
from twinlens.records.audit import AuditFindings
from twinlens.records.split_audit import StraddlingGroup
from twinlens.reporting.audit.composition import (
    attributes_table,
    class_colours,
    class_legend,
    class_panel,
)
from twinlens.reporting.figures.layout import Panel
from twinlens.reporting.figures.style import Legend
from twinlens.reporting.formatting import count
from twinlens.reporting.tables.tables import (
    Table,
    class_counts,
    contamination_table,
    records_table,
)

MAX_ROWS = 200
"""Rows of a list on the page; the JSON file holds all."""


@dataclass(frozen=True)
class SplitSection:
    """Leaks and composition of a split.

    Attributes:
        repair: Name of the split that repairs it, if there is one.
        straddling: Groups on two sides, of `straddling_count` in total.
    """

    name: str
    leaking: bool
    repair: str
    contamination: Table
    straddling: Table | None
    straddling_count: int
    counts: Table | None
    panel: Panel
    legend: Legend
    attributes: Table


def split_sections(dataset: Dataset, findings: AuditFindings) -> list[SplitSection]:
    """Return a section for each audited split."""
    colours = class_colours(dataset.classes, dataset.class_info)
    sections = []
    for name, split in findings.splits.items():
        parts, leaks, repair = split.composition, split.leaks, findings.repairs.get(name)
        counts = {part: described.classes for part, described in parts.items()}
        section = SplitSection(
            name=name,
            leaking=leaks.leaking,
            repair=repair.split if repair else "",
            contamination=contamination_table(leaks.contamination),
            straddling=records_table(map(_images_by_part, leaks.groups[:MAX_ROWS])),
            straddling_count=len(leaks.groups),
            counts=class_counts(counts, dataset.classes, dataset.class_info),
            panel=class_panel(parts, colours),
            legend=class_legend(parts, colours),
            attributes=attributes_table(parts),
        )
        sections.append(section)
    return sections


def _images_by_part(group: StraddlingGroup) -> dict[str, str]:
    """Return for each part the number of a group's images and the first few ids."""
    row = {"group": group.group}
    for part in SPLITS:
        ids = group.images.get(part, [])
        row[part] = f"{count(len(ids))}: {', '.join(ids[:3])}" if ids else ""
    return row
