"""init, compare, tune, report and demo."""

import json
import shlex
import webbrowser
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

import twinlens
from twinlens.commands.from_request import from_request
from twinlens.commands.next_command import suggest
from twinlens.requests.compare import CompareRequest
from twinlens.requests.demo import DemoRequest
from twinlens.requests.init import InitRequest
from twinlens.requests.report import ReportRequest
from twinlens.requests.tune import TuneRequest

Open = Annotated[bool, typer.Option("--open", help="Open the report in a browser.")]


@from_request
def init(request: InitRequest) -> None:
    """Write a study file, and print where it is."""
    path = twinlens.init.run(request)
    print(f"Study file: {path}")
    suggest("compare", path, "--out", "results", "--dry-run", purpose="to see time and memory")


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
    open_: Open = False,
) -> None:
    """Compare the arms of a study, and conclude."""
    folder = twinlens.compare.run(_chosen_workers(request))
    if request.dry_run:
        suggest("compare", request.study, "--out", request.out)
    else:
        _conclude(folder, open_=open_)


@from_request
def tune(request: TuneRequest, open_: Open = False) -> None:
    """Search the settings of an arm, and conclude."""
    folder = twinlens.tune.run(request)
    if request.dry_run:
        suggest(*shlex.split(request.command_line())[1:])
    else:
        _conclude_search(folder, open_=open_)


@from_request
def report(request: ReportRequest, open_: Open = False) -> None:
    """Write the report, and print the verdict."""
    folder = Path(request.folder)
    conclude = _conclude_search if (folder / "tuning.json").exists() else _conclude
    conclude(folder, open_=open_)


@from_request
def demo(request: DemoRequest, open_: Open = False) -> None:
    """Run the demonstration, and print its verdict."""
    _conclude(twinlens.demo.run(request), open_=open_)
    suggest("import", "FOLDER", "--out", "data", purpose="with your own images")


def _chosen_workers(request: CompareRequest) -> CompareRequest:
    """Have the number of workers chosen, unless it was given.

    From Python there are none by default: each would run the caller's script once more, unless
    that is guarded by ``if __name__ == "__main__"``.
    """
    return replace(request, workers=0) if request.workers is None else request


def _conclude_search(folder: Path, *, open_: bool) -> None:
    """Write the report, and end with what came out and the command that tests it."""
    from twinlens.records.tuning import TuningResults

    page = twinlens.report(folder)
    if open_:
        webbrowser.open(page.resolve().as_uri())
    results = TuningResults.read(folder / "tuning.json")
    best, own = results.best_trial, results.own.mean
    if best and best.mean is not None and own is not None:
        print(f"Trial {best.number}: {best.mean:.3f}; own settings: {own:.3f} on the same folds.")
    if results.selected:
        print(f"On folds that took no part in the selection: {results.selected.mean:+.3f}.")
    print(f"Report: {page}")
    if best:
        purpose = "to test the best settings once"
        suggest("compare", folder / "best.yaml", "--out", "results", purpose=purpose)


def _conclude(folder: Path, *, open_: bool) -> None:
    """Write the report, and end with the verdict in words and the report's path."""
    page = twinlens.report(folder)
    if open_:
        webbrowser.open(page.resolve().as_uri())
    evaluated = None
    if (folder / "run.json").exists():
        from twinlens.records.run import PretrainRun

        verdict, failed = PretrainRun.read(folder / "run.json").verdict, False
    elif (folder / "evaluation.json").exists():  # its numbers speak for themselves
        verdict, failed = [], False
    else:
        from twinlens.records.evaluation import EVALUATION, EvaluationRecord
        from twinlens.records.results import StudyResults
        from twinlens.study.running.paths import DETAILS

        results = StudyResults.read(folder / "results.json")
        verdict, failed = results.verdict, bool(results.failures)
        if (details := folder / DETAILS / EVALUATION).is_file():
            evaluated = EvaluationRecord.read(details).request
    print("\n".join([*verdict, f"Report: {page}"]))
    if evaluated:
        words = "evaluate", folder, *evaluated.dataset_paths, "--arm", evaluated.arm
        suggest(
            *words,
            "--explain",
            "--out",
            "evaluation",
            purpose="to see what the best arm gets wrong, and why",
        )
    if (folder / "best").is_dir():
        suggest("predict", folder / "best", "IMAGE", purpose="to use the best model")
    if failed:
        raise typer.Exit(1)
