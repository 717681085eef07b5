"""Kills commands at any moment, gives them again, and compares what they leave with what must be.

From the root of the repository:

    PYTHONPATH=src OMP_NUM_THREADS=1 python benchmarks/kills.py 200

Import, adding to a data set, pretrain, train, compare, tune (killed_commands.py), and the labelling
page and the server under requests (killed_servers.py), each in a fork of this process. A third of
the kills are SIGKILL at a random time, a third SIGTERM at a random time; in the others the process
is killed by SIGKILL at one of its calls of the operating system that make a result appear, such as
rename and fsync, drawn at random. After one to three kills the same command is given again until it
ends. The result of a command must be that of an unkilled run, byte for byte; so must every run of a
study that is already there after a kill. What a server has confirmed must be there.
"""

import argparse
import random
import shutil
import sys
import time
from pathlib import Path

from forks import end, forked
from killed_commands import Job, jobs, make_tiny, prepare, reference, trial
from killed_servers import Server, prepare_servers, servers, trial_of_server
from machine import machine

from twinlens.files import write_json

OUT = Path(__file__).parent / "results" / "kills.json"


def main() -> None:
    """Kill as often as was asked for, and print the table."""
    arguments = argparse.ArgumentParser()
    arguments.add_argument("kills", type=int)
    arguments.add_argument("--seed", type=int, default=0)
    arguments.add_argument("--folder", type=Path, default=Path("runs/kills"))
    arguments.add_argument("--out", type=Path, default=OUT)
    arguments.add_argument("--minutes", type=float, default=60)
    arguments.add_argument("--only", nargs="*", help="names of commands")
    given = arguments.parse_args()
    chance, until = random.Random(given.seed), time.monotonic() + 60 * given.minutes
    folder = given.folder.resolve()
    shutil.rmtree(folder, ignore_errors=True)
    make_tiny()
    for prepared in (prepare, prepare_servers):
        log = folder.with_name("kills.log")
        if code := end(forked(lambda act=prepared: act(folder), log)):
            sys.exit(f"{log.read_text()}\nPreparing ends with exit code {code}.")
    everything = [*jobs(folder), *servers(folder)]
    chosen = [job for job in everything if not given.only or job.name in given.only]
    for job in chosen:
        if isinstance(job, Job):
            reference(job, folder)
    while _kills(chosen) < given.kills and time.monotonic() < until:
        job = min(chosen, key=lambda job: (job.tally.killed, job.tally.trials))
        if isinstance(job, Job):
            trial(job, folder, chance)
        else:
            trial_of_server(job, folder, chance)
    print(_table(chosen))
    _write(given.out, chosen, given.seed)
    if any(job.tally.equal < job.tally.trials for job in chosen):
        sys.exit(1)


def _kills(all_jobs: list[Job | Server]) -> int:
    return sum(job.tally.killed for job in all_jobs)


def _table(all_jobs: list[Job | Server]) -> str:
    kinds = ("SIGKILL", "SIGTERM", "call")
    head = f"{'command':<14}" + "".join(f"{kind:>9}" for kind in kinds)
    lines = [f"{head}{'resumed':>9}{'equal':>7}"]
    for job in all_jobs:
        counts = "".join(f"{job.tally.kills.get(kind, 0):>9}" for kind in kinds)
        lines.append(f"{job.name:<14}{counts}{job.tally.trials:>9}{job.tally.equal:>7}")
    return "\n".join(lines)


def _write(out: Path, all_jobs: list[Job | Server], seed: int) -> None:
    of_job = {job.name: _about(job) for job in all_jobs}
    total = {
        "kills": _kills(all_jobs),
        "resumed": sum(job.tally.trials for job in all_jobs),
        "equal": sum(job.tally.equal for job in all_jobs),
    }
    content = {"seed": seed, "total": total, "commands": of_job}
    write_json(out, content | {"machine": machine("twinlens", "torch")})


def _about(job: Job | Server) -> dict[str, object]:
    tally = job.tally
    found = {"kills": tally.kills, "resumed": tally.trials, "equal": tally.equal}
    if isinstance(job, Server):
        return found | {"confirmed": tally.confirmed}
    return found | {
        "finished_when_resumed": tally.finished,
        "files_compared": len(job.expected),
        "calls": job.calls,
        "seconds": round(job.seconds, 2),
    }


if __name__ == "__main__":
    main()
