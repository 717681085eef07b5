"""Requests per second and latency of `twinlens serve` under load, beside LitServe.

From the root of the repository, with the second environment for LitServe (make peers):

    python benchmarks/serving.py

Serves a ResNet-18 with random weights at 224 px, as ONNX and as a bundle, to 1, 8 and 64 clients on
this machine, who send a JPEG of 448 px; each measurement in turns with LitServe, batching likewise,
and with the forward pass of the same model, without HTTP and without decoding. Then sends ten times
the allowed rate to a small network, and looks at how the memory of the server grows. Writes
results/serving.json. Clients and server share the processor. Ten minutes.
"""

import http.client
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from machine import machine
from PIL import Image

import twinlens
from twinlens.files import write_json
from twinlens.models.bundle import save_bundle
from twinlens.models.encoders import build_encoder
from twinlens.models.heads import classifier
from twinlens.phantom.generate import phantom_image
from twinlens.records.bundle import BundleInfo, Provenance, TestTimeAugmentation
from twinlens.records.weights import InitialWeights, TrainedOn
from twinlens.serving.backend import open_backend
from twinlens.views.recipes import RECIPES

ROOT = Path(__file__).resolve().parents[1]
OUT = ROOT / "benchmarks/results/serving.json"
SIZE, ROUNDS, SECONDS, CLIENTS, BATCH = 224, 3, 4.0, (1, 8, 64), 16
RATE, OVERLOAD = 600, 10_000
ADDRESS = "127.0.0.1"


def main() -> None:
    with TemporaryDirectory() as folder:
        bundle = make_bundle(Path(folder) / "model")
        onnx = twinlens.export(bundle, Path(folder) / "model.onnx").path
        rows = _loads("onnx", onnx) + _loads("torch", bundle)
        small = make_bundle(Path(folder) / "small", "resnet18_quarter", 64)
        overload = _overload(twinlens.export(small, Path(folder) / "small.onnx").path)
    about = {"command": "python benchmarks/serving.py", "machine": _machine()}
    write_json(OUT, about | {"loads": rows, "overload": overload})


def _machine() -> dict[str, Any]:
    names = ("torch", "onnxruntime", "fastapi", "uvicorn")
    return machine(*names) | {"load_average_before": os.getloadavg()[2]}


def make_bundle(folder: Path, name: str = "resnet18", size: int = SIZE) -> Path:
    encoder = build_encoder(name, seed=0)
    info = BundleInfo(
        encoder=name,
        normalisation={"mean": (0.5, 0.5, 0.5), "std": (0.25, 0.25, 0.25)},
        classes=[f"class {number}" for number in range(8)],
        size=size,
        test_time=TestTimeAugmentation(views=1, clean=True, recipe=RECIPES["paper"], seed=0),
        provenance=Provenance(
            trained_on=TrainedOn(data_hash="none", split_hash="none"),
            label_fraction=1.0,
            seed=0,
            weights=InitialWeights(name="random"),
            settings={},
        ),
    )
    save_bundle(folder, encoder, classifier(encoder.feature_dim, 8, seed=0), info)
    return folder


@contextmanager
def _litserve(model: Path) -> Iterator[int]:
    """Serve a model by LitServe in the second environment; yield its port."""
    with socket.socket() as free:
        free.bind((ADDRESS, 0))
        port = free.getsockname()[1]
    command = [ROOT / ".venv-peers/bin/python", "benchmarks/litserve_server.py", model, port]
    path = {"PYTHONPATH": f"{ROOT / 'src'}:{ROOT / 'tests/peers'}"}
    process = subprocess.Popen(
        [str(word) for word in command],
        cwd=ROOT,
        env=os.environ | path,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        while not _clients(port, 1, requests=1)[1]["200"]:
            assert process.poll() is None, "LitServe did not start: make peers"
            time.sleep(1)
        yield port
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        process.wait()


@contextmanager
def _served(model: Path, **options: object) -> Iterator[tuple[int, int]]:
    """Serve a model in a process of its own; yield its port and its process id."""
    words = [f"--{name.replace('_', '-')}={value}" for name, value in options.items()]
    command = [sys.executable, "-m", "twinlens.cli", "serve", str(model), "--port=0", *words]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    assert process.stderr is not None
    found = re.search(r":(\d+);", process.stderr.readline())
    assert found is not None
    try:
        yield int(found[1]), process.pid
    finally:
        process.send_signal(signal.SIGINT)
        process.wait()


def _form() -> tuple[bytes, dict[str, str]]:
    buffer = BytesIO()
    Image.fromarray(phantom_image(0, 0, 0, size=448)).save(buffer, "JPEG", quality=90)
    head = b'--b\r\ncontent-disposition: form-data; name="images"; filename="x"\r\n\r\n'
    body = head + buffer.getvalue() + b"\r\n--b--\r\n"
    return body, {"content-type": "multipart/form-data; boundary=b"}


def _clients(
    port: int, count: int, *, seconds: float = 0.0, requests: int = 0, pause: float = 0.0
) -> tuple[list[float], Counter[str], float]:
    """Send from several clients at once; return seconds of requests, statuses, seconds in all."""
    body, headers = _form()
    times, statuses, began = [], Counter(), time.perf_counter()
    left = threading.Semaphore(requests)

    def client() -> None:
        connection = http.client.HTTPConnection(ADDRESS, port, timeout=60)
        while left.acquire(blocking=False) if requests else time.perf_counter() < began + seconds:
            start = time.perf_counter()
            try:
                connection.request("POST", "/predict", body, headers)
                response = connection.getresponse()
                response.read()
                statuses[str(response.status)] += 1
            except (OSError, http.client.HTTPException) as error:  # a refusal closes its connection
                statuses[type(error).__name__] += 1
                connection.close()
            times.append(time.perf_counter() - start)
            time.sleep(pause)

    threads = [threading.Thread(target=client) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return times, statuses, time.perf_counter() - began


def _loads(kind: str, model: Path) -> list[dict[str, Any]]:
    backend = open_backend(model, "cpu")
    pixels = np.stack([phantom_image(0, lesion, 0, size=SIZE) for lesion in range(BATCH)])
    found: dict[str, list[Any]] = {"forward 1": [], f"forward {BATCH}": []}
    with _served(model, rate=10**7) as (port, pid), _litserve(model) as other:
        ports = {"twinlens serve": port, "LitServe": other}
        for each in ports.values():
            _clients(each, max(CLIENTS), seconds=2)  # so that memory for the largest batch is there
        before = 0.0
        for number in range(ROUNDS):
            for count in CLIENTS:
                for batch in (1, BATCH):
                    found[f"forward {batch}"].append(_forward(backend, pixels[:batch]))
                for server, each in ports.items():
                    found.setdefault(f"{server}, {count} clients", []).append(
                        _clients(each, count, seconds=SECONDS)
                    )
            if number == 0:  # by now each size of batch has had its memory
                before = _rss(pid)
        growth = _rss(pid) - before
    rows: list[dict[str, Any]] = []
    for batch in (1, BATCH):
        each = np.median(found[f"forward {batch}"])
        rows.append({"model": kind, "what": f"forward, batch of {batch}", "per_second": 1 / each})
    for what in [f"{server}, {count} clients" for server in ports for count in CLIENTS]:
        parts = found[what]
        times = np.concatenate([np.array(part[0]) for part in parts]) * 1000
        statuses = sum((part[1] for part in parts), Counter())
        rows.append(
            {
                "model": kind,
                "what": what,
                "per_second": float(np.median([len(part[0]) / part[2] for part in parts])),
                "p50_ms": float(np.percentile(times, 50)),
                "p99_ms": float(np.percentile(times, 99)),
                "requests": len(times),
                "errors": len(times) - statuses["200"],
            }
        )
    for row in rows:
        print("  ".join(f"{v:.1f}" if isinstance(v, float) else str(v) for v in row.values()))
    print(f"{kind}: the server grew by {growth:.1f} MB")
    return [*rows, {"model": kind, "what": "growth of memory", "mb": growth}]


def _forward(backend: Any, pixels: Any, seconds: float = 1.0) -> float:
    """Return the seconds that an image takes in batches of this size."""
    began, done = time.perf_counter(), 0
    while time.perf_counter() < began + seconds:
        backend.answer(pixels)
        done += len(pixels)
    return (time.perf_counter() - began) / done


def _overload(model: Path) -> dict[str, Any]:
    """Send at ten times the allowed rate."""
    with _served(model, rate=RATE) as (port, pid):
        _clients(port, 4, requests=RATE)  # which uses up what a client may send at once
        before = _rss(pid)
        workers, wanted = 8, 10 * RATE / 60
        _times, statuses, seconds = _clients(
            port, workers, requests=OVERLOAD, pause=workers / wanted
        )
        grown = _rss(pid) - before
    found = {
        "allowed_per_minute": RATE,
        "sent_per_minute": 60 * OVERLOAD / seconds,
        "requests": OVERLOAD,
        "statuses": dict(statuses),
        "growth_mb": grown,
    }
    print(found)
    return found


def _rss(pid: int) -> float:
    text = Path(f"/proc/{pid}/status").read_text()
    return int(re.search(r"VmRSS:\s+(\d+)", text)[1]) / 1024  # type: ignore[index]


if __name__ == "__main__":
    main()
