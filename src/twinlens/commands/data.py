"""import and split."""

from typing import Annotated

import typer

import twinlens
from twinlens.commands.options import (
    Dataset,
    Out,
    Overwrite,
    Seed,
)
from twinlens.errors import UserError


def import_images(
    source: Annotated[str, typer.Argument(help="Folder or CSV file, or 'phantom:2000'.")],
    out: Out,
    kind: Annotated[str, typer.Option(help="auto, folder, csv, unlabelled or phantom.")] = "auto",
    image: Annotated[str | None, typer.Option(help="Column with file or id.")] = None,
    label: Annotated[str | None, typer.Option(help="Column with the class name.")] = None,
    group: Annotated[str | None, typer.Option(help="Column with lesion or patient.")] = None,
    split: Annotated[str | None, typer.Option(help="Column with the split's name.")] = None,
    split_map: Annotated[
        list[str], typer.Option(metavar="THEIRS=OURS", help="Such as pool=unlabelled. Repeatable.")
    ] = [],  # noqa: B006, typer wants the list itself
    size: Annotated[int, typer.Option(help="Side of the square images in pixels.")] = 256,
    workers: Annotated[int | None, typer.Option(help="Threads; default: one a core.")] = None,
    overwrite: Overwrite = False,
) -> None:
    """Read a folder of images once, and pack them for training."""
    data = twinlens.import_images(
        source,
        out,
        kind=kind,
        image=image,
        label=label,
        group=group,
        split=split,
        split_map=_pairs(split_map, "--split-map"),
        size=size,
        workers=workers,
        overwrite=overwrite,
    )
    print(f"{len(data.table)} images of {len(data.classes)} classes in {data.path}")


def split(
    dataset: Dataset,
    per_class: Annotated[int | None, typer.Option(help="At most so many training labels.")] = None,
    val: Annotated[float, typer.Option(help="Share of the labelled images.")] = 0.1,
    test: Annotated[float, typer.Option(help="Share of the labelled images.")] = 0.2,
    seed: Seed = 0,
    name: Annotated[str | None, typer.Option(help="Name of the split.")] = None,
) -> None:
    """Draw a split by whole groups, stratified by class. It never changes afterwards."""
    made = twinlens.split(dataset, per_class=per_class, val=val, test=test, seed=seed, name=name)
    print(f"Split '{made.name}' of {dataset}, hash {made.hash[:12]}")
    for part, by_class in made.info["counts"].items():
        each = ", ".join(f"{name} {count}" for name, count in by_class.items())
        print(f"  {part:<11}{sum(by_class.values()):>7}   {each}")
    for note in made.info["notes"]:
        print(f"  {note}")


def _pairs(assignments: list[str], option: str) -> dict[str, str]:
    pairs = [assignment.partition("=") for assignment in assignments]
    for theirs, equals, _ in pairs:
        if not equals:
            raise UserError(f"{option} {theirs}: write it as THEIRS=OURS, such as pool=unlabelled.")
    return {theirs: ours for theirs, _, ours in pairs}
