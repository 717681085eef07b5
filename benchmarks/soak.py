"""A long run of `twinlens serve` and of `twinlens label`: errors, memory and latency.

From the root of the repository:

    python benchmarks/soak.py 86400

Sends so many requests, one after another, to `serve` with a small network as ONNX, and a quarter as
many to `serve` with the same network in torch, and to `label`. To `serve`: images, and now and then
a file that is no image, a look at the metrics, or a fresh connection. To `label`: answers, undoing
and images. An error is any status but the one expected. The memory of the server (RSS) is read
after 1% of the requests, by when each kind has been there, and after every tenth.
Writes results/soak.json, and ends with exit code 1 if there was an error or a growth of 50 MB.
"""

import argparse
import http.client
import sys
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.parse import urlsplit

import numpy as np
from machine import machine
from served import Labeller, form, form_of, make_bundle, make_suggestions, rss, served

import twinlens
from twinlens.files import write_json

OUT = Path(__file__).parent / "results" / "soak.json"
MOST_MB = 50
QUEUE = 20

Ask = Callable[[int], tuple[int, int]]
"""Sends the request of a number; returns the status and the one expected."""


@dataclass(frozen=True)
class Soak:
    """What a long run has shown.

    Attributes:
        server: What was run.
        requests: Requests that were sent.
        statuses: Their number by status, or by the name of an exception.
        errors: Requests with another status than expected.
        rss_mb: Memory after 1% of the requests, then after every tenth of them, in MB.
        growth_mb: Growth of the memory from the first to the last of these.
        p50_ms: Median time of a request.
        p99_ms: Time within which 99% were answered.
        p99_ms_last_tenth: The same of the last tenth.
        seconds: Time in all.
    """

    server: str
    requests: int
    statuses: dict[str, int]
    errors: int
    rss_mb: list[float]
    growth_mb: float
    p50_ms: float
    p99_ms: float
    p99_ms_last_tenth: float
    seconds: float


def main() -> None:
    """Run both servers, print and write what they have shown."""
    arguments = argparse.ArgumentParser()
    arguments.add_argument("requests", type=int, nargs="?", default=86_400)
    arguments.add_argument("--out", type=Path, default=OUT)
    given = arguments.parse_args()
    with TemporaryDirectory() as name:
        folder = Path(name)
        bundle = make_bundle(folder / "model", "resnet18_quarter", 32)
        onnx = twinlens.export(bundle, folder / "model.onnx").path
        runs = []
        for kind, model in (("onnx", onnx), ("torch", bundle)):
            count = given.requests // (1 if kind == "onnx" else 4)
            with served("serve", model, "--port=0", f"--rate={10**8}") as (address, pid):
                runs.append(soak(f"serve, {kind}", predicting(address), count, pid))
        suggestions, data = make_suggestions(folder, QUEUE)
        words = ("label", suggestions, data, "--out", folder / "labels.sqlite")
        with served(*words) as (address, pid):
            runs.append(soak("label", labelling(address), given.requests // 4, pid))
    about = {"command": f"python benchmarks/soak.py {given.requests}"}
    about["machine"] = machine("torch", "onnxruntime", "fastapi", "uvicorn")
    write_json(given.out, about | {"runs": [asdict(run) for run in runs]})
    if any(run.errors or run.growth_mb >= MOST_MB for run in runs):
        sys.exit(1)


def predicting(address: str) -> Ask:
    """Return what sends images, and now and then something else, to `serve`."""
    good, broken = form(32, "PNG"), form_of(b"no image")
    connection = http.client.HTTPConnection(urlsplit(address).netloc, timeout=60)

    def ask(number: int) -> tuple[int, int]:
        if number % 500 == 0:
            connection.close()
        if number % 100 == 1:
            connection.request("GET", "/metrics")
        else:
            body, headers = broken if number % 100 == 2 else good
            connection.request("POST", "/predict", body, headers)
        response = connection.getresponse()
        response.read()
        return response.status, 422 if number % 100 == 2 else 200

    return ask


def labelling(address: str) -> Ask:
    """Return what labels all images, takes the labels back, and looks at images in between."""
    page = Labeller(address)

    def ask(number: int) -> tuple[int, int]:
        turn, step = divmod(number % (4 * QUEUE), 2)
        if step:
            return page.ask(f"/image/{turn % QUEUE}")[0], 200
        if turn < QUEUE:
            return page.ask("/answer", {"number": turn, "label": None})[0], 200
        return page.ask("/undo", {})[0], 200

    return ask


def soak(server: str, ask: Ask, requests: int, pid: int) -> Soak:
    """Send requests one after another."""
    times = np.zeros(requests)
    statuses: Counter[str] = Counter()
    errors, memory, began = 0, [], time.perf_counter()
    looks = {requests // 100, *(requests * tenth // 10 for tenth in range(1, 11))}
    for number in range(requests):
        start, status, expected = time.perf_counter(), "", ""
        with suppress(OSError, http.client.HTTPException):
            status, expected = map(str, ask(number))
        times[number] = 1000 * (time.perf_counter() - start)
        statuses[status or "no answer"] += 1
        errors += not status or status != expected
        if number + 1 in looks:
            memory.append(round(rss(pid), 1))
            print(f"{server}: {number + 1:,} requests, {errors} errors, {memory[-1]} MB")
    return Soak(
        server=server,
        requests=requests,
        statuses=dict(statuses),
        errors=errors,
        rss_mb=memory,
        growth_mb=round(memory[-1] - memory[0], 1),
        p50_ms=round(float(np.median(times)), 2),
        p99_ms=round(float(np.percentile(times, 99)), 2),
        p99_ms_last_tenth=round(float(np.percentile(times[-requests // 10 :], 99)), 2),
        seconds=round(time.perf_counter() - began, 1),
    )


if __name__ == "__main__":
    main()
