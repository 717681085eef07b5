"""Processes of a Ray cluster that do the same task."""

import logging
import os
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import Any

from twinlens import console
from twinlens.errors import UserError, require
from twinlens.study.running.workers import LOOK_EVERY_S, Task, tell_death


def on_ray(
    task: Task, address: str, count: int | None, device: str, tell: Callable[[int], None]
) -> None:
    """Do a task in several processes of a Ray cluster whose machines share this one's folders.

    Args:
        task: What each of them does. Ctrl-C interrupts it.
        address: Of the cluster: HOST:PORT, "auto" for the one that this machine belongs to, or
            "local" for one that is started here and ends with the task.
        count: How many; None for one a GPU. No more than there are GPUs, where there are any.
        device: "auto", "cpu", "cuda" or "mps".
        tell: Called once a second with the number of processes.

    Raises:
        UserError: Ray is not installed, or there is no cluster at that address.
    """
    ray = require("ray", extra="ray")
    with _connected(ray, address):
        count, needs = _shares(ray, count, device)
        remote = ray.remote(max_retries=0, **needs)(_work)
        pending = [remote.remote(task, os.getcwd()) for _ in range(count)]  # noqa: PTH109, for chdir
        try:
            while pending:
                ended, pending = ray.wait(pending, timeout=LOOK_EVERY_S)
                tell(len(pending))
                for reference in ended:
                    _see(ray, reference, left=len(pending))
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
        _call(address)
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


def _call(address: str) -> None:
    """See that somebody answers at HOST:PORT: Ray itself would try for minutes."""
    host, colon, port = address.removeprefix("ray://").rpartition(":")
    if colon:
        socket.create_connection((host, int(port)), timeout=10).close()


def _shares(ray: ModuleType, count: int | None, device: str) -> tuple[int, dict[str, Any]]:
    """Return the number of workers, and what each gets: a GPU, or its part of a machine's cores."""
    gpus = 0 if device in ("cpu", "mps") else int(ray.cluster_resources().get("GPU", 0))
    if gpus:
        return min(count or gpus, gpus), {"num_gpus": 1}
    cores = [int(node["Resources"].get("CPU", 0)) for node in ray.nodes() if node["Alive"]]
    smallest = min((number for number in cores if number), default=1)
    count = count or 1
    return count, {"num_cpus": max(1, min(smallest, sum(cores) // count))}


def _work(task: Task, folder: str) -> None:
    os.chdir(folder)  # paths of a study are relative to where its command is given
    console.quiet = True
    task(lambda: False)


def _see(ray: ModuleType, reference: object, *, left: int) -> None:
    """Say how a worker ended, if it did not end well."""
    try:
        ray.get(reference)
    except ray.exceptions.RayError as error:
        reason = str(error).strip().splitlines()[-1].strip(" .")
        tell_death(f"A worker died ({reason})", left)
