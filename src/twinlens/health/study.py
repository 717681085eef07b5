"""Checks of a study's or a search's folder: its runs, finished or not, and its models."""

from collections.abc import Iterator
from pathlib import Path

from twinlens.config import parse, read_yaml
from twinlens.data.dataset import open_dataset
from twinlens.errors import UserError
from twinlens.files import at_work
from twinlens.health.files import check_files, trial
from twinlens.health.finding import Finding, broken, note, ok
from twinlens.records.plan import PLAN, Failure
from twinlens.records.run import RUN, read_run
from twinlens.study.planning.config import Study
from twinlens.study.running.paths import (
    STUDY,
    failure_files,
    is_finished,
    read_plan,
    runs_folder,
)

RESUME = "The same command resumes it."


def check_study(folder: Path) -> Iterator[Finding]:
    """Check the data set, the runs and the models of a study or a search."""
    yield trial(folder / STUDY, lambda: _data(folder))
    yield from check_files(folder)
    for path in failure_files(folder):
        if path.suffix == ".json":
            failure = Failure.read(path)
            yield broken(failure.run, f"failed: {failure.reason}", "The same command retries it.")
    for work in sorted(runs_folder(folder).glob("*.partial")):
        run = work.with_name(work.name.removesuffix(".partial"))
        if at_work(run):
            yield note(run.name, "a process is at work on it right now.")
        else:
            yield note(run.name, "was interrupted, and its process has ended.", RESUME)
    if (folder / PLAN).exists():
        yield from _progress(folder)


def _data(folder: Path) -> str:
    """Say which data set the finished runs are of, if it is still what it was."""
    data = open_dataset(parse(Study, read_yaml(folder / STUDY), where=str(folder / STUDY)).data)
    records = [read_run(path.parent) for path in sorted(runs_folder(folder).glob(f"*/{RUN}"))]
    for record in records:
        if record.data.hash != data.hash:
            raise UserError(
                f"{data.path} has changed since the runs were made (its hash differs): restore "
                "it, or choose another --out for the new images."
            )
    return f"of {data.path}, which has not changed."


def _progress(folder: Path) -> Iterator[Finding]:
    try:
        plan = read_plan(folder)
    except UserError:
        return  # check_files has said so
    done = sum(is_finished(folder, run) for run in plan)
    text = f"{done} of {len(plan)} runs are finished."
    yield ok(folder, text) if done == len(plan) else note(folder, text, RESUME)
