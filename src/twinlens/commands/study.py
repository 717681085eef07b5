"""compare, report and demo."""

import json
from pathlib import Path
from typing import Annotated

import typer

import twinlens
from twinlens.commands.options import (
    Device,
    Loggers,
    Out,
    Overwrite,
    Set,
)
from twinlens.files import read_json


def _print_schema(asked: bool) -> None:
    if asked:
        from twinlens.study.planning.schema import schema

        print(json.dumps(schema(), indent=1, ensure_ascii=False))
        raise typer.Exit


def compare(
    study: Annotated[Path, typer.Argument(help="A study file, such as studies/demo.yaml.")],
    out: Out,
    set_: Set = [],  # noqa: B006
    device: Device = "auto",
    workers: Annotated[
        int | None, typer.Option(min=1, help="Runs at the same time, each on its own GPU if any.")
    ] = None,
    ray: Annotated[
        str | None,
        typer.Option(
            metavar="ADDRESS",
            help="Do the runs on a Ray cluster: HOST:PORT, auto for the one that this machine "
            "belongs to, or local for a new one here.",
        ),
    ] = None,
    max_hours: Annotated[
        float | None, typer.Option(min=0, help="Stop in good order; the same command goes on.")
    ] = None,
    logger: Loggers = [],  # noqa: B006
    dry_run: Annotated[bool, typer.Option("--dry-run", help="List the runs and stop.")] = False,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on in --out although the study was changed.")
    ] = False,
    schema: Annotated[  # noqa: ARG001, it has printed and left
        bool,
        typer.Option(
            "--schema",
            callback=_print_schema,
            is_eager=True,
            help="Print the JSON schema of study files, for an editor, and stop.",
        ),
    ] = False,
) -> None:
    """Compare arms x seeds x label fractions, and write the report. Goes on where it stopped."""
    done = twinlens.compare(
        study,
        out,
        settings=set_,
        device=device,
        workers=workers,
        ray=ray,
        max_hours=max_hours,
        loggers=logger,
        dry_run=dry_run,
        resume=resume,
    )
    if not dry_run:
        _conclude(done)


def report(
    folder: Annotated[Path, typer.Argument(help="Folder of a study, or of a pretraining.")],
) -> None:
    """Write the report of a study or a pretraining again, from what is stored alone."""
    _conclude(folder)


def demo(out: Out = Path("demo"), overwrite: Overwrite = False) -> None:
    """Do the main job on synthetic images: minutes on two cores."""
    _conclude(twinlens.demo(out, overwrite=overwrite))


def _conclude(folder: Path) -> None:
    """Write the report, and end with the verdict in words and the report's path."""
    page = twinlens.report(folder)
    run = folder / "run.json"
    results = read_json(run if run.exists() else folder / "results.json")
    for sentence in results.get("verdict") or []:
        print(sentence)
    print(f"Report: {page}")
    if results.get("failures"):
        raise typer.Exit(1)
