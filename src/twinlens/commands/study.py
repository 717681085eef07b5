"""compare, report and demo."""

import json
from pathlib import Path
from typing import Annotated

import typer

import twinlens
from twinlens.commands.from_request import from_request
from twinlens.commands.options import Out, Overwrite
from twinlens.files import read_json
from twinlens.requests.compare import CompareRequest


def _print_schema(asked: bool) -> None:
    if asked:
        from twinlens.study.planning.schema import schema

        print(json.dumps(schema(), indent=1, ensure_ascii=False))
        raise typer.Exit


@from_request
def compare(
    request: CompareRequest,
    *,
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
    """Compare the arms of a study, and conclude."""
    done = twinlens.compare.run(request)
    if not request.dry_run:
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
    if (folder / "run.json").exists():
        verdict, failures = read_json(folder / "run.json").get("verdict") or [], False
    else:
        from twinlens.records.results import StudyResults

        results = StudyResults.read(folder / "results.json")
        verdict, failures = results.verdict, bool(results.failures)
    for sentence in verdict:
        print(sentence)
    print(f"Report: {page}")
    if failures:
        raise typer.Exit(1)
