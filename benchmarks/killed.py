"""A study with two workers, killed repeatedly at random, gives the table of an uninterrupted one.

From the root of the repository, on 160 synthetic images:

    python benchmarks/killed.py

Runs the study once without interruption; then again, killed twenty times (SIGKILL to all of its
processes) and resumed until it is finished. The times are random: the number of finished runs,
from none to all but four, and a delay after it; one kill in five comes during start-up. Compares
everything that results.json holds on arms and differences, and the predictions of all runs, bit by
bit. About a quarter of an hour on two idle cores.
"""

import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pandas as pd
import yaml
from machine import machine

import twinlens
from twinlens.files import write_json, write_text
from twinlens.records.results import StudyResults
from twinlens.study.running.paths import is_finished, read_plan, run_folder

OUT = Path(__file__).parent / "results" / "killed.json"
FOLDER = Path("runs/killed")
KILLS, WORKERS = 20, 2
STUDY = {
    "encoder": "resnet18",
    "precision": "fp32",
    "seeds": 4,
    "label_fractions": [0.5, 1.0],
    "pretrain": {"epochs": 6, "batch_size": 32, "projector": [32], "monitor_points": 2},
    "train": {"epochs": 6, "batch_size": 16},
    "arms": {
        "random": {},
        "random + Barlow Twins": {"pretrain": {}},
        "random + Barlow Twins, probed": {"pretrain": {}, "train": {"tuning": "linear_probe"}},
    },
}


def main(kills: int) -> None:
    shutil.rmtree(FOLDER, ignore_errors=True)
    data = twinlens.import_images("phantom:160", FOLDER / "data", size=32).path
    write_text(FOLDER / "study.yaml", yaml.safe_dump(STUDY | {"data": str(data)}))
    start, seconds = _unbroken(FOLDER / "unbroken")
    broken, moments = FOLDER / "broken", []
    chance, runs = random.Random(0), len(read_plan(FOLDER / "unbroken"))
    for number, done in enumerate(sorted(chance.choices(range(runs - 2 * WORKERS), k=kills))):
        at_start = chance.random() < 0.2
        after = chance.uniform(0, start if at_start else seconds / runs)
        moments.append(_kill(broken, None if at_start else done, after))
        print(f"Killed {number + 1} times: {moments[-1]}")
    _start(broken).wait()
    write_json(
        OUT,
        {
            "study": STUDY,
            "workers": WORKERS,
            "unbroken": {"seconds_to_start": start, "seconds": seconds},
            "kills": moments,
            **_compared(FOLDER / "unbroken", broken),
            "machine": machine("twinlens", "torch"),
        },
    )


def _start(out: Path) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "twinlens.cli", "compare", str(FOLDER / "study.yaml")]
    command += ["--out", str(out), "--device", "cpu", "--workers", str(WORKERS)]
    return subprocess.Popen(command, start_new_session=True)


def _unbroken(out: Path) -> tuple[float, float]:
    """Carry the study out, and return the seconds until its first run began, and in all."""
    began, process = time.time(), _start(out)
    _wait(process, lambda: _at_work(out, began))
    start = time.time() - began
    process.wait()
    return start, time.time() - began


def _wait(process: subprocess.Popen[bytes], until: Callable[[], bool]) -> None:
    while process.poll() is None and not until():
        time.sleep(0.05)


def _at_work(out: Path, began: float) -> bool:
    """Tell whether a run has written something since then."""
    with suppress(FileNotFoundError):  # what was listed has gone meanwhile
        return any(path.stat().st_mtime > began for path in (out / "runs").rglob("*"))
    return False


def _done(out: Path) -> int:
    return len(list((out / "runs").glob("*/run.json")))


def _kill(out: Path, done: int | None, after: float) -> dict[str, Any]:
    """Start the study, kill it some seconds later or after so many runs are done; describe it."""
    began, process = time.time(), _start(out)
    if done is not None:
        _wait(process, lambda: _at_work(out, began) and _done(out) >= done)
    time.sleep(after)
    if process.poll() is not None:
        sys.exit("The study came to its end before all kills: give it more to do.")
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    half = list((out / "runs").glob("*.partial"))
    return {
        "after_runs": done,
        "after_s": after,
        "runs_done": _done(out),
        "half_done": sorted(run.name.partition("-seed")[0] for run in half),
        "with_checkpoint": sum((run / "checkpoint.pt").exists() for run in half),
    }


def _compared(unbroken: Path, broken: Path) -> dict[str, Any]:
    """Compare the results of both, and the predictions of every run."""
    expected, found = (StudyResults.read(path / "results.json") for path in (unbroken, broken))
    same, trainings = 0, [run for run in read_plan(unbroken) if run.kind == "train"]
    for run in trainings:
        if is_finished(broken, run):
            a, b = (
                pd.read_parquet(run_folder(path, run) / "predictions.parquet")
                for path in (unbroken, broken)
            )
            same += a.equals(b)
    keys = ("summaries", "differences", "label_efficiency", "advice", "best", "verdict", "failures")
    return {
        "equal": {key: getattr(found, key) == getattr(expected, key) for key in keys},
        "trainings": len(trainings),
        "trainings_with_equal_predictions": same,
        "tests_opened": {
            "unbroken": len(expected.test_access),
            "broken": len(found.test_access),
        },
        "summaries": [row.model_dump() for row in found.summaries],
    }


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else KILLS)
