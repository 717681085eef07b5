"""Worker processes on a Ray cluster."""

import logging
import os
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import Any

from twinlens import console
from twinlens.errors import UserError, require
from twinlens.study.running.pool import Pool
from twinlens.study.running.workers import POLL_S, Worker, report_death


def on_ray(worker: Worker, pool: Pool, on_progress: Callable[[int], None]) -> None:
    """Run a worker in several processes of a Ray cluster whose machines share this one's folders.

    Args:
        worker: What each process runs. Ctrl-C interrupts it.
        pool: The cluster's address, and how many processes: by default, and at most, as many as
            its GPUs take; without GPUs by default one for every so many cores as the smallest
            machine has.
        on_progress: Called once a second with the number of running processes.

    Raises:
        UserError: Ray is not installed, or there is no cluster at that address.
    """
    ray = require("ray", extra="ray")
    with _connected(ray, str(pool.ray)):
        count, needs = _resources(ray, pool)
        # Ray itself would let a number that is set here hold for each of the workers.
        threads = {"OMP_NUM_THREADS": str(needs.get("num_cpus", 1))}
        remote = ray.remote(max_retries=0, runtime_env={"env_vars": threads}, **needs)(_run)
        pending = [remote.remote(worker, os.getcwd()) for _ in range(count)]  # noqa: PTH109, for chdir
        try:
            while pending:
                ended, pending = ray.wait(pending, timeout=POLL_S)
                on_progress(len(pending))
                for reference in ended:
                    _report(ray, reference, left=len(pending))
        except KeyboardInterrupt:
            for reference in pending:
                ray.cancel(reference)
            raise


@contextmanager
def _connected(ray: ModuleType, address: str) -> Iterator[None]:
    """Connect to a cluster, unless this process is connected to one already."""
    if ray.is_initialized():
        yield
        return
    options: dict[str, Any] = {}
    if address == "local":
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # Ray would report to its makers
        options = {"include_dashboard": False}
    try:
        _check_reachable(address)
        ray.init(address, log_to_driver=False, logging_level=logging.ERROR, **options)
    except (OSError, ValueError, RuntimeError) as error:
        raise UserError(
            f"There is no Ray cluster at '{address}': give HOST:PORT, auto for the cluster that "
            "this machine belongs to, or local to start one here."
        ) from error
    try:
        yield
    finally:
        ray.shutdown()


def _check_reachable(address: str) -> None:
    """Check that HOST:PORT answers: Ray itself would try for minutes."""
    host, colon, port = address.removeprefix("ray://").rpartition(":")
    if colon:
        socket.create_connection((host, int(port)), timeout=10).close()


def _resources(ray: ModuleType, pool: Pool) -> tuple[int, dict[str, Any]]:
    """Return the number of workers, and what each needs: its share of a GPU, or of the cores."""
    count, gpus = pool.workers, int(ray.cluster_resources().get("GPU", 0))
    if gpus and pool.device not in ("cpu", "mps"):
        places = gpus * pool.runs_per_gpu
        return min(count or places, places), {"num_gpus": 1 / pool.runs_per_gpu}
    cores = [int(node["Resources"].get("CPU", 0)) for node in ray.nodes() if node["Alive"]]
    smallest = min((number for number in cores if number), default=1)
    count = count or max(1, sum(number // smallest for number in cores))
    return count, {"num_cpus": max(1, min(smallest, sum(cores) // count))}


def _run(worker: Worker, folder: str) -> None:
    os.chdir(folder)  # paths of a study are relative to where its command is given
    console.quiet = True
    worker(lambda: False)


def _report(ray: ModuleType, reference: object, *, left: int) -> None:
    """Report how a worker ended, if it failed."""
    try:
        ray.get(reference)
    except ray.exceptions.RayError as error:
        reason = str(error).strip().splitlines()[-1].strip(" .")
        report_death(f"A worker died ({reason})", left)
