"""Measures things in turns (A B A B), so that what slows the machine slows all of them alike."""

import gc
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from statistics import median
from typing import Any

from machine import machine

from twinlens.files import write_json

Task = Callable[[], int]
"""Does some work, and returns how many items (views, images, commands) it did."""


def rates(
    tasks: Mapping[str, Task], rounds: int, clock: Callable[[], float] = time.perf_counter
) -> dict[str, list[float]]:
    """Return items per second of each task, one a round; a first round warms up.

    With `time.process_time` as the clock and one thread, other work on the machine hardly counts.
    """
    found: dict[str, list[float]] = {name: [] for name in tasks}
    for number in range(rounds + 1):
        for name, task in tasks.items():
            gc.collect()
            began = clock()
            items = task()
            rate = items / (clock() - began)
            print(f"  {'warm-up' if not number else f'round {number}'}, {name}: {rate:.4g}/s")
            found[name] += [rate] if number else []
    return found


def compared(found: Mapping[str, list[float]], ours: str) -> list[dict[str, Any]]:
    """Return a row for each task: its median rate, and how many times faster `ours` is.

    The ratio is the median over the rounds of ratios within a round; least and most say how
    steady it was.
    """
    rows = []
    for name, values in found.items():
        ratios = [mine / theirs for mine, theirs in zip(found[ours], values, strict=True)]
        rows.append(
            {
                "name": name,
                "per_second": float(f"{median(values):.4g}"),
                "ours_is_faster_by": round(median(ratios), 2),
                "least": round(min(ratios), 2),
                "most": round(max(ratios), 2),
            }
        )
        print(
            "{name}: {per_second}/s; ours × {ours_is_faster_by} [{least}, {most}]".format(
                **rows[-1]
            )
        )
    return rows


def write_rows(
    rows: Sequence[Mapping[str, Any]], name: str, *, unit: str, packages: Sequence[str], **more: Any
) -> None:
    """Write results/NAME.json: the command that was given, the machine, and the rows.

    Args:
        rows: What was measured.
        name: Name of the file.
        unit: Unit of the rows' numbers.
        packages: Packages whose versions matter.
        more: Further results.
    """
    program = Path(sys.argv[0])
    about = {
        "command": " ".join(["python", f"benchmarks/{program.name}", *sys.argv[1:]]),
        "machine": machine(*packages),
        "unit": unit,
    }
    write_json(
        Path(__file__).parent / "results" / f"{name}.json", about | more | {"rows": list(rows)}
    )
