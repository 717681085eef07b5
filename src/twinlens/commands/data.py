"""import, split and audit."""

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

import twinlens
from twinlens.commands.from_request import from_request
from twinlens.commands.next_command import suggest
from twinlens.importing.sources import SOURCES
from twinlens.requests.audit import AuditRequest
from twinlens.requests.import_images import ImportRequest
from twinlens.requests.split import SplitRequest

if TYPE_CHECKING:
    from twinlens.data.splits import Split


@partial(from_request, values={"kind": ["auto", *SOURCES]})
def import_images(request: ImportRequest) -> None:
    """Import images and print how many."""
    data = twinlens.import_images.run(request)
    print(f"{len(data.table)} images of {len(data.classes)} classes in {data.path}")
    from twinlens.data.splits import split_names

    if not data.classes:
        suggest("pretrain", data.path, "--out", "RUN", purpose="as no image has a label")
    else:
        suggest("audit" if split_names(data) else "split", data.path)


@from_request
def split(request: SplitRequest) -> None:
    """Split a data set and print the counts."""
    _show(Path(request.dataset), twinlens.split.run(request))
    suggest("audit", request.dataset)


@from_request
def audit(
    request: AuditRequest,
    strict: Annotated[
        bool, typer.Option("--strict", help="Exit code 1 if anything leaks.")
    ] = False,
) -> None:
    """Audit a data set and print the findings."""
    findings = twinlens.audit.run(request)
    print("\n".join(findings.summary))
    folder = Path(request.dataset) / "audit"
    print(f"Pairs and figures: {folder / 'audit.html'}")
    print(f"All findings: {folder / 'audit.json'}")
    for repair in findings.repairs.values():
        print(f"Check it: twinlens audit {request.dataset} --split {repair.split} --strict")
    if findings.data.classes:
        suggest("init", request.dataset, purpose="to write a study file")
    else:
        suggest("pretrain", request.dataset, "--out", "RUN", purpose="as no image has a label")
    if strict and findings.warnings:
        raise typer.Exit(1)


def _show(dataset: Path, made: "list[Split]") -> None:
    """Print the counts of one split, or a line for each of several, and each note once."""
    printed: set[str] = set()
    for split in made:
        counts, notes = split.record.counts, split.record.notes
        totals = {part: sum(by_class.values()) for part, by_class in counts.items()}
        if len(made) == 1:
            print(f"Split '{split.name}' of {dataset}, hash {split.hash[:12]}")
            for part, by_class in counts.items():
                listed = ", ".join(f"{name} {count}" for name, count in by_class.items())
                print(f"  {part:<11}{totals[part]:>7}   {listed}")
        else:
            listed = ", ".join(f"{part} {total}" for part, total in totals.items())
            print(f"{split.name}: {listed}, hash {split.hash[:12]}")
        for note in notes:
            if note not in printed:
                print(f"  {note}")
        printed.update(notes)
