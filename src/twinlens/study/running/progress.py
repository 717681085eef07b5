"""What is told while a study goes on: runs done, time left, the table so far."""

import math
import time
from collections.abc import Callable
from pathlib import Path

from twinlens.console import duration, say
from twinlens.files import digest
from twinlens.study.planning.config import Study
from twinlens.study.planning.plan import Run
from twinlens.study.running.failures import failure
from twinlens.study.running.paths import is_finished, read_metrics, read_record

TABLE_EVERY_S = 60.0


class Progress:
    """Looks at a study's folder, and tells what is new there, whoever did it."""

    def __init__(
        self,
        study: Study,
        plan: list[Run],
        folder: Path,
        seconds_of: Callable[[Run], float] | None = None,
    ) -> None:
        """Note what is done already.

        Args:
            study: The study.
            plan: Its runs.
            folder: Its folder.
            seconds_of: Estimates a run of which no similar one is finished.
        """
        self.study, self.plan, self.folder, self.seconds_of = study, plan, folder, seconds_of
        self.seconds = dict[str, float]()
        self.failed = dict[str, str]()
        self.table_told = -math.inf
        self._look()

    def tell(self, workers: int) -> None:
        """Tell what is new, if anything is.

        Args:
            workers: How many runs are done at the same time.
        """
        new = self._look()
        for run in new:
            reason = self.failed.get(run.id)
            say(f"Failed: {run.id}: {reason}" if reason else f"Done: {run.id}")
        if new:
            say(self._summary(workers))
        trained = any(run.kind != "pretrain" and run.id in self.seconds for run in new)
        if trained and (time.monotonic() - self.table_told >= TABLE_EVERY_S or not self._left()):
            say(self.table())
            self.table_told = time.monotonic()

    def _look(self) -> list[Run]:
        """Return the runs that finished or failed since the last look."""
        new = []
        for run in self.plan:
            if run.id in self.seconds:
                continue
            if is_finished(self.folder, run):
                self.seconds[run.id] = read_record(self.folder, run)["seconds"]
                self.failed.pop(run.id, None)
                new.append(run)
            elif run.id not in self.failed and (reason := failure(self.folder, run.id)):
                self.failed[run.id] = reason
                new.append(run)
        return new

    def _left(self) -> list[Run]:
        return [r for r in self.plan if r.id not in self.seconds and r.id not in self.failed]

    def _summary(self, workers: int) -> str:
        text = f"Runs done: {len(self.seconds)} of {len(self.plan)}"
        if self.failed:
            text += f", {len(self.failed)} failed"
        seconds = self._seconds_left(workers)
        return text + (f", about {duration(seconds)} left." if seconds else ".")

    def _seconds_left(self, workers: int) -> float | None:
        """Estimate from finished runs that differ in the seed alone, or else from `seconds_of`."""
        alike: dict[str, list[float]] = {}
        for run in self.plan:
            if run.id in self.seconds:
                alike.setdefault(_but_for_the_seed(run), []).append(self.seconds[run.id])
        left, total = self._left(), 0.0
        for run in left:
            measured = alike.get(_but_for_the_seed(run))
            if measured:
                total += sum(measured) / len(measured)
            elif self.seconds_of:
                total += self.seconds_of(run)
            else:
                return None
        return total / max(1, min(workers, len(left)))

    def table(self) -> str:
        """Return means of the primary metric over the seeds done, by arm and label fraction."""
        metric = self.study.primary_metric
        cells: dict[tuple[str, float], list[float]] = {}
        for run in self.plan:
            if run.kind != "pretrain" and run.id in self.seconds:
                score = read_metrics(self.folder, run)["test"][metric]
                cells.setdefault((str(run.arm), run.label_fraction or 1), []).append(score)
        width = max(map(len, self.study.arms))
        lines = [f"{metric.replace('_', ' ').capitalize()} on test so far: mean (seeds)"]
        lines.append(" " * width + "".join(f"  labels {b:<6g}" for b in self.study.label_fractions))
        for arm in self.study.arms:
            found = (
                cells.get((arm, label_fraction), [])
                for label_fraction in self.study.label_fractions
            )
            lines.append(arm.ljust(width) + "".join(f"  {_cell(values):<13}" for values in found))
        return "\n".join(line.rstrip() for line in lines)


def _but_for_the_seed(run: Run) -> str:
    return run.kind + digest({k: v for k, v in run.arguments.items() if k != "seed"})


def _cell(values: list[float]) -> str:
    return f"{sum(values) / len(values):.3f} ({len(values)})" if values else "-"
