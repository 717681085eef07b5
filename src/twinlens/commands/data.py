"""import, split and audit."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

import twinlens
from twinlens.commands.from_request import from_request
from twinlens.commands.options import (
    Dataset,
    Out,
    Overwrite,
    Seed,
)
from twinlens.errors import UserError
from twinlens.requests.audit import AuditRequest

if TYPE_CHECKING:
    from twinlens.data.splits import Split

KINDS = (
    "folder", "csv", "parquet", "dicom", "isic2019", "isic2018", "ham10000", "medmnist",
    "unlabelled", "phantom",
)  # fmt: skip
"""The kinds of `twinlens.importing.sources`, which --help has no time to import."""


def import_images(
    sources: Annotated[
        list[str], typer.Argument(help="Folders or files, or 'phantom:2000'. Several are joined.")
    ],
    out: Out,
    kind: Annotated[str, typer.Option(help=f"auto, {', '.join(KINDS)}.")] = "auto",
    image: Annotated[str | None, typer.Option(help="Column with file or id.")] = None,
    label: Annotated[str | None, typer.Option(help="Column with the class name.")] = None,
    group: Annotated[str | None, typer.Option(help="Column with lesion or patient.")] = None,
    split: Annotated[str | None, typer.Option(help="Column with the split's name.")] = None,
    split_map: Annotated[
        list[str], typer.Option(metavar="THEIRS=OURS", help="Such as pool=unlabelled. Repeatable.")
    ] = [],  # noqa: B006, typer wants the list itself
    classes: Annotated[
        Path | None,
        typer.Option(help='YAML: all classes in order, NAME: {title:, colour: "#rrggbb", group:}.'),
    ] = None,
    size: Annotated[
        int | None, typer.Option(help="Side of the square images in pixels; default: 256.")
    ] = None,
    workers: Annotated[int | None, typer.Option(help="Threads; default: one a core.")] = None,
    table_only: Annotated[
        bool, typer.Option("--table-only", help="No images: enough to split and count.")
    ] = False,
    add: Annotated[
        bool, typer.Option("--add", help="Add images and labels to what --out holds.")
    ] = False,
    overwrite: Overwrite = False,
) -> None:
    """Read images once, and pack them for training."""
    data = twinlens.import_images(
        sources,
        out,
        kind=kind,
        image=image,
        label=label,
        group=group,
        split=split,
        split_map=_pairs(split_map, "--split-map"),
        classes=classes,
        size=size,
        workers=workers,
        table_only=table_only,
        add=add,
        overwrite=overwrite,
    )
    print(f"{len(data.table)} images of {len(data.classes)} classes in {data.path}")


def split(
    dataset: Dataset,
    preset: Annotated[
        str | None, typer.Option(help="Of ISIC-2019: robust, paper or paper-code.")
    ] = None,
    per_class: Annotated[int | None, typer.Option(help="At most so many training labels.")] = None,
    val: Annotated[
        float | None, typer.Option(help="Share of the labelled images; .1 if left out.")
    ] = None,
    test: Annotated[
        float | None, typer.Option(help="Share of the labelled images; .2 if left out.")
    ] = None,
    folds: Annotated[int | None, typer.Option(help="A split for each of so many folds.")] = None,
    repeats: Annotated[int | None, typer.Option(help="So many splits, each a seed on.")] = None,
    hold_out: Annotated[
        str | None,
        typer.Option(metavar="COLUMN[=VALUE]", help="Test on one site, or on each in turn."),
    ] = None,
    extend: Annotated[
        str | None, typer.Option(metavar="NAME", help="Add to this split what the data set gained.")
    ] = None,
    seed: Seed = 0,
    name: Annotated[str | None, typer.Option(help="Name of the split.")] = None,
) -> None:
    """Draw a split by whole groups, stratified by class. It never changes afterwards."""
    made = twinlens.split(
        dataset,
        preset=preset,
        per_class=per_class,
        val=val,
        test=test,
        folds=folds,
        repeats=repeats,
        hold_out=hold_out,
        extend=extend,
        seed=seed,
        name=name,
    )
    _show(dataset, made)


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
    if strict and findings.warnings:
        raise typer.Exit(1)


def _show(dataset: Path, made: "list[Split]") -> None:
    """Print the counts of one split, or a line for each of several, and each note once."""
    said: set[str] = set()
    for split in made:
        counts, notes = split.record.counts, split.record.notes
        totals = {part: sum(by_class.values()) for part, by_class in counts.items()}
        if len(made) == 1:
            print(f"Split '{split.name}' of {dataset}, hash {split.hash[:12]}")
            for part, by_class in counts.items():
                each = ", ".join(f"{name} {count}" for name, count in by_class.items())
                print(f"  {part:<11}{totals[part]:>7}   {each}")
        else:
            each = ", ".join(f"{part} {total}" for part, total in totals.items())
            print(f"{split.name}: {each}, hash {split.hash[:12]}")
        for note in notes:
            if note not in said:
                print(f"  {note}")
        said.update(notes)


def _pairs(assignments: list[str], option: str) -> dict[str, str]:
    pairs = [assignment.partition("=") for assignment in assignments]
    for theirs, equals, _ in pairs:
        if not equals:
            raise UserError(f"{option} {theirs}: write it as THEIRS=OURS, such as pool=unlabelled.")
    return {theirs: ours for theirs, _, ours in pairs}
