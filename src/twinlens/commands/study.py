"""compare, report and demo."""

import json
from pathlib import Path
from typing import Annotated

import typer

import twinlens
from twinlens.commands.from_request import from_request
from twinlens.requests.compare import CompareRequest
from twinlens.requests.demo import DemoRequest
from twinlens.requests.report import ReportRequest


def _print_schema(wanted: bool) -> None:
    if wanted:
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
    folder = twinlens.compare.run(request)
    if not request.dry_run:
        _conclude(folder)


@from_request
def report(request: ReportRequest) -> None:
    """Write the report, and print the verdict."""
    _conclude(Path(request.folder))


@from_request
def demo(request: DemoRequest) -> None:
    """Run the demonstration, and print its verdict."""
    _conclude(twinlens.demo.run(request))


def _conclude(folder: Path) -> None:
    """Write the report, and end with the verdict in words and the report's path."""
    page = twinlens.report(folder)
    if (folder / "run.json").exists():
        from twinlens.records.run import PretrainRun

        verdict, failed = PretrainRun.read(folder / "run.json").verdict, False
    else:
        from twinlens.records.results import StudyResults

        results = StudyResults.read(folder / "results.json")
        verdict, failed = results.verdict, bool(results.failures)
    print("\n".join([*verdict, f"Report: {page}"]))
    if failed:
        raise typer.Exit(1)
