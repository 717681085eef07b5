"""Batches from a pack ten times as large as the memory there is.

From the root of the repository, as root on Linux (the memory is limited by a control group):

    python benchmarks/larger_than_memory.py

Writes a pack of 10 GiB of random pixels (96 px images) to a temporary folder. A process that may
have 1 GiB of memory, cached files included, reads shuffled batches of 256 for half a minute,
as a training does: memory-mapped from the disk, and from a web server on this machine that answers
ranges of bytes, as a bucket does. Each once as it is and once with a network between the batches (a
ResNet-18 of a quarter of the width, forward), without and with reading a step ahead. At last, the
seconds until the first batch of a data set of 1,000,000 images of 28 px. Writes
results/larger_than_memory.json.
"""

import json
import os
import subprocess
import sys
import threading
import time
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pandas as pd
import torch
from in_turns import write_rows

from twinlens.data.batches import Batches, ahead, reader
from twinlens.data.dataset import PACK, open_dataset, write_dataset
from twinlens.data.remote_pack import RemotePack
from twinlens.models.encoders import build_encoder
from twinlens.records.dataset import DatasetDescription

GIB, SIDE, BATCH, SECONDS = 2**30, 96, 256, 30
IMAGES = 10 * GIB // (SIDE * SIDE * 3)
CASES = [(place, network, early) for place in ("disk", "http") for network, early in
         ((False, False), (True, False), (True, True))]  # fmt: skip


class Server(ThreadingHTTPServer):
    """Holds as many connections as a batch may open at once."""

    request_queue_size = 512


class Ranges(SimpleHTTPRequestHandler):
    """A web server that answers ranges of bytes."""

    protocol_version = "HTTP/1.1"

    def do_GET(self):  # noqa: D102
        first, last = map(int, self.headers["Range"].removeprefix("bytes=").split("-"))
        with Path(self.translate_path(self.path)).open("rb") as file:
            file.seek(first)
            content = file.read(last + 1 - first)
        self.send_response(206)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_):  # noqa: D102
        pass


def write_pack(path: Path) -> None:
    random = np.random.default_rng(0)
    shape = (IMAGES, SIDE, SIDE, 3)
    pack = np.lib.format.open_memmap(path, mode="w+", dtype=np.uint8, shape=shape)
    for start in range(0, IMAGES, 1000):
        part = pack[start : start + 1000]
        part[:] = random.integers(0, 256, part.shape, dtype=np.uint8)
    pack.flush()


def limit_memory(bytes_: int) -> None:
    """Move this process into a control group; cached files count in it too."""
    old = Path("/sys/fs/cgroup/memory")
    group = (old if old.exists() else Path("/sys/fs/cgroup")) / "twinlens-benchmark"
    group.mkdir(exist_ok=True)
    limit = "memory.limit_in_bytes" if old.exists() else "memory.max"
    (group / limit).write_text(str(bytes_))
    (group / "cgroup.procs").write_text(str(os.getpid()))


def forget(path: str) -> None:
    """Let the system drop what it has cached of a file."""
    with Path(path).open("rb") as file:
        os.fsync(file.fileno())
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def anonymous_mib() -> float:
    lines = Path("/proc/self/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith("RssAnon")).split()[1]) / 1024


def measure(place: str, network: bool, early: bool, address: str) -> dict[str, object]:
    """Read batches for a while."""
    torch.set_num_threads(1)
    rows = np.arange(IMAGES)
    encoder = build_encoder("resnet18_quarter", 0).eval() if network else None
    pack = np.load(address, mmap_mode="r") if place == "disk" else RemotePack(address)
    if place == "disk":
        forget(address)
    limit_memory(GIB)
    read, batches = reader(pack, rows), Batches(rows, batch_size=BATCH, seed=0)
    load = ahead(lambda step: read(batches.rows(step)), resident=not early)
    load(0)
    before, began, step = anonymous_mib(), time.perf_counter(), 0
    while time.perf_counter() < began + SECONDS:
        step += 1
        images = load(step)
        if encoder:
            with torch.no_grad():
                encoder(images)
    seconds = time.perf_counter() - began
    return {
        "place": place,
        "network": network,
        "ahead": early,
        "images_per_s": round(step * BATCH / seconds),
        "grew_mib": round(anonymous_mib() - before, 1),
    }


def first_batch(folder: str) -> dict[str, object]:
    """Open a data set and read a batch."""
    forget(f"{folder}/{PACK}")
    began = time.perf_counter()
    data = open_dataset(folder)
    rows = np.arange(len(data.table))
    reader(data.images, rows)(Batches(rows, batch_size=BATCH, seed=0).rows(0))
    return {"first_batch_s": round(time.perf_counter() - began, 2), "images": len(rows)}


def write_small(folder: Path) -> None:
    """Write a data set of a million images of 28 pixels."""
    count = 1_000_000
    pack = np.lib.format.open_memmap(
        folder / PACK, mode="w+", dtype=np.uint8, shape=(count, 28, 28, 3)
    )
    pack[:] = np.arange(28, dtype=np.uint8)[:, None]
    pack.flush()
    ids = [f"image {i}" for i in range(count)]
    table = pd.DataFrame({"id": ids, "label": "a", "group": ids, "file": ids})
    nothing = pd.DataFrame({"file": [], "reason": []})
    write_dataset(folder, table, nothing, "", DatasetDescription(classes=["a"], size=28))


def main() -> None:
    if len(sys.argv) == 2:
        print(json.dumps(first_batch(sys.argv[1])))
        return
    if len(sys.argv) > 1:
        place, network, early, address = sys.argv[1:]
        print(json.dumps(measure(place, network == "True", early == "True", address)))
        return
    with TemporaryDirectory(dir=".") as folder:
        path = Path(folder) / "pack.npy"
        write_pack(path)
        server = Server(("127.0.0.1", 0), partial(Ranges, directory=folder))
        threading.Thread(target=server.serve_forever, daemon=True).start()
        web = f"http://127.0.0.1:{server.server_port}/pack.npy"
        rows = []
        for place, network, early in CASES:
            address = str(path) if place == "disk" else web
            command = [sys.executable, __file__, place, str(network), str(early), address]
            output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
            rows.append(json.loads(output))
            print(rows[-1], flush=True)
        server.shutdown()
    with TemporaryDirectory(dir=".") as folder:
        write_small(Path(folder))
        command = [sys.executable, __file__, folder]
        output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        opened = json.loads(output)
        print(opened)
    write_rows(rows, "larger_than_memory", unit="images per second", packages=["numpy", "torch"],
               pack_gib=10, memory_gib=1, million_small_images=opened)  # fmt: skip


if __name__ == "__main__":
    main()
