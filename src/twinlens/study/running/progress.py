"""Progress of a study: finished runs, time left, and the table of results so far."""

import math
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from twinlens.console import duration, say
from twinlens.evaluation.metrics import METRICS
from twinlens.files import digest
from twinlens.records.plan import PlannedRun
from twinlens.study.planning.config import Study
from twinlens.study.running.failures import failure
from twinlens.study.running.paths import is_finished, read_metrics, read_record

TABLE_EVERY_S = 60.0


class Progress:
    """Reports what is new in a study's folder, whichever process did it."""

    def __init__(
        self,
        study: Study,
        plan: list[PlannedRun],
        folder: Path,
        seconds_of: Callable[[PlannedRun], float] | None = None,
    ) -> None:
        """Note which runs are finished already.

        Args:
            study: The study.
            plan: Its runs.
            folder: Its folder.
            seconds_of: Estimated seconds of a run, used until a similar one is finished.
        """
        self.study, self.plan, self.folder, self.seconds_of = study, plan, folder, seconds_of
        self.seconds = dict[str, float]()
        self.failed = dict[str, str]()
        self.table_shown = -math.inf
        self._update()

    def report(self, workers: int) -> None:
        """Print what is new, if anything is.

        Args:
            workers: Number of runs at the same time.
        """
        new = self._update()
        for run in new:
            reason = self.failed.get(run.id)
            say(f"Failed: {run.id}: {reason}" if reason else f"Finished: {run.id}")
        if new:
            say(self._summary(workers))
        trained = any(run.kind != "pretrain" and run.id in self.seconds for run in new)
        if trained and (time.monotonic() - self.table_shown >= TABLE_EVERY_S or not self._left()):
            say(self.table())
            self.table_shown = time.monotonic()

    def _update(self) -> list[PlannedRun]:
        """Return the runs that finished or failed since the last call."""
        new = []
        for run in self.plan:
            if run.id in self.seconds:
                continue
            if is_finished(self.folder, run):
                self.seconds[run.id] = read_record(self.folder, run).seconds
                self.failed.pop(run.id, None)
                new.append(run)
            elif run.id not in self.failed and (reason := failure(self.folder, run.id)):
                self.failed[run.id] = reason
                new.append(run)
        return new

    def _left(self) -> list[PlannedRun]:
        return [r for r in self.plan if r.id not in self.seconds and r.id not in self.failed]

    def _summary(self, workers: int) -> str:
        text = f"Runs finished: {len(self.seconds)} of {len(self.plan)}"
        if self.failed:
            text += f", {len(self.failed)} failed"
        seconds = self._seconds_left(workers)
        return text + (f", about {duration(seconds)} left." if seconds else ".")

    def _seconds_left(self, workers: int) -> float | None:
        """Estimate from finished runs that differ only in the seed, or else from `seconds_of`.

        The latter is corrected by how long the finished runs took of what they were expected to.
        """
        alike: dict[str, list[float]] = {}
        done = [run for run in self.plan if run.id in self.seconds]
        for run in done:
            alike.setdefault(_without_seed(run), []).append(self.seconds[run.id])
        left, total = self._left(), 0.0
        expected = sum(map(self.seconds_of, done)) if self.seconds_of else 0.0
        slowness = sum(self.seconds[run.id] for run in done) / expected if expected else 1.0
        for run in left:
            measured = alike.get(_without_seed(run))
            if measured:
                total += sum(measured) / len(measured)
            elif self.seconds_of:
                total += slowness * self.seconds_of(run)
            else:
                return None
        return total / max(1, min(workers, len(left)))

    def table(self) -> str:
        """Return means of the primary metric over the finished seeds, by arm and label fraction."""
        metric = self.study.primary_metric
        cells: dict[tuple[str, float], list[float]] = {}
        for run in self.plan:
            if run.kind == "pretrain" or run.id not in self.seconds:
                continue
            if test := read_metrics(self.folder, run).test:
                cell = cells.setdefault((run.arm, run.label_fraction), [])
                cell.append(test.metrics[metric])
        width = max(map(len, self.study.arms))
        lines = [f"{METRICS[metric].title} on test so far: mean (seeds)"]
        lines.append(" " * width + "".join(f"  labels {b:<6g}" for b in self.study.label_fractions))
        for arm in self.study.arms:
            row = (cells.get((arm, fraction), []) for fraction in self.study.label_fractions)
            lines.append(arm.ljust(width) + "".join(f"  {_cell(values):<13}" for values in row))
        return "\n".join(line.rstrip() for line in lines)


def _without_seed(run: PlannedRun) -> str:
    """Return what identifies a run up to its seed."""
    return digest([run.arm, replace(run.request, seed=0).as_json()])


def _cell(values: list[float]) -> str:
    return f"{sum(values) / len(values):.3f} ({len(values)})" if values else "-"
