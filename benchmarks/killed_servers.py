"""`twinlens label` and `twinlens serve --keep`, killed while a client sends requests.

What is stored after a kill must be what was confirmed, in its order, with or without the request on
its way. The same command must then start again and go on; it is killed up to three times, and
stopped by Ctrl+C at last, when nothing but its result may be left. Kills come at a random time, or
by strace at one of the system calls by which files are written, also those of SQLite.
"""

import http.client
import json
import os
import random
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable
from contextlib import closing, suppress
from dataclasses import dataclass, field
from functools import partial
from io import BytesIO
from itertools import count
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import numpy as np
import pandas as pd
from forks import Tally, end, forked
from PIL import Image
from served import Labeller, form_of, make_bundle, make_suggestions

from twinlens.exporting.export import export
from twinlens.labelling.label import label
from twinlens.serving.serve import serve

QUEUE = 12
CALLS = "openat,write,pwrite64,fsync,fdatasync,ftruncate,rename,unlink"
MOST_CALLS = 250
"""System calls of a start and some requests; one of them is drawn."""

SECONDS, MOST_SECONDS = 0.5, 10.0
"""How long it is at work before it is killed, at most; by strace, or else."""

Rows = tuple[Any, ...]
"""What is stored, in its order."""

Step = Callable[[Rows, random.Random], tuple[Rows, Callable[[], int]]]
"""Takes what is stored; returns what will be after the next request, and what sends it."""


@dataclass
class Server:
    """A server that stores what its clients send.

    Attributes:
        name: The command.
        run: Starts it, to store below a folder.
        client: Returns what sends requests to an address.
        stored: Returns what lies in a folder, and raises an error if that is not whole.
        tally: What has become of it.
    """

    name: str
    run: Callable[[Path], Any]
    client: Callable[[str], Step]
    stored: Callable[[Path], Rows]
    tally: Tally = field(default_factory=Tally)


def servers(folder: Path) -> list[Server]:
    """Return the servers; `prepare_servers` writes what they need into the folder."""
    suggestions = folder / "suggested" / "suggestions.csv"
    return [
        Server(
            "label",
            lambda out: label(suggestions, folder / "suggested" / "data", out=out / "l.sqlite"),
            partial(_labelling, suggestions),
            _labels,
        ),
        Server(
            "serve",
            lambda out: serve(folder / "model.onnx", port=0, keep=out, rate=10**8),
            _predicting,
            _kept,
        ),
    ]


def prepare_servers(folder: Path) -> None:
    """Write data, suggestions and a model."""
    make_suggestions(folder / "suggested", QUEUE)
    export(make_bundle(folder / "model", "resnet18_quarter", 32), folder / "model.onnx")


def trial_of_server(server: Server, folder: Path, chance: random.Random) -> None:
    """Kill a server once to three times, let it end, and compare what is stored each time."""
    out, rows = folder / f"{server.name}-killed", ()
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir()
    kinds = ["SIGKILL", "SIGTERM", *(["call"] if shutil.which("strace") else [])]
    server.tally.trials += 1
    try:
        for _ in range(chance.randint(1, 3)):
            rows = _session(server, out, rows, chance.choice(kinds), chance)
        _session(server, out, rows, "SIGINT", chance)
        _check_nothing_left(out)
        server.tally.equal += 1
    except (AssertionError, OSError, ValueError, sqlite3.Error) as error:
        kept = folder / f"failed-{server.name}-{server.tally.trials}"
        shutil.copytree(out, kept, dirs_exist_ok=True)
        print(f"{server.name} FAILS: {error!r}, see {kept}")


def _session(server: Server, out: Path, rows: Rows, kind: str, chance: random.Random) -> Rows:
    """Run a server, send requests until it ends, and return what is stored then."""
    read, write = os.pipe()
    gate, opened = os.pipe()

    def act() -> None:
        os.close(opened)
        os.read(gate, 1)  # until strace has come, if it does
        server.run(out)

    process = forked(act, write)
    os.close(write)
    os.close(gate)
    tracing = _trace(process, chance.randint(1, MOST_CALLS)) if kind == "call" else None
    os.close(opened)
    seconds = MOST_SECONDS if tracing else chance.uniform(0, SECONDS)
    timer = threading.Timer(seconds, _signal, (process, kind))
    starting = kind in ("SIGKILL", "SIGTERM") and chance.random() < 0.25
    if starting:
        timer.start()
    with os.fdopen(read) as printed:
        address = re.search(r"http://[^\s;]+", printed.readline())
        sure = then = rows
        if address and not starting and kind != "SIGINT":
            timer.start()
        try:
            if address:
                most = 3 if kind == "SIGINT" else None
                sure, then = _talk(server, address[0], rows, chance, most)
        finally:
            if kind == "SIGINT" or sys.exception():
                _signal(process, "SIGINT")
        code = end(process)
        timer.cancel()
        told = printed.read()
    assert address or kind != "SIGINT", f"it does not start again: {told}"
    if tracing:
        tracing.wait()
    assert code in (0, -signal.SIGKILL, -signal.SIGTERM), f"exit code {code}: {told}"
    assert "Traceback" not in told, told
    if kind != "SIGINT":
        server.tally.count("SIGTERM" if code == -signal.SIGTERM else kind)
    server.tally.confirmed += len(sure) - len(rows)
    stored = server.stored(out)
    assert stored in (sure, then), f"{stored} is stored, and {sure} was confirmed"
    return stored


def _signal(process: int, kind: str) -> None:
    """Send a signal; SIGTERM if a server that is traced has not come to its call by then."""
    with suppress(ProcessLookupError):
        os.kill(process, getattr(signal, kind, signal.SIGTERM))


def _trace(process: int, which: int) -> "subprocess.Popen[str]":
    """Let strace kill a process at one of its system calls."""
    words = ["-f", "-p", str(process), "-e", f"trace={CALLS}"]
    words += ["-e", f"inject={CALLS}:signal=SIGKILL:when={which}", "-o", "/dev/null"]
    tracing = subprocess.Popen(["strace", *words], stderr=subprocess.PIPE, text=True)
    assert tracing.stderr is not None
    assert "attached" in tracing.stderr.readline()
    return tracing


def _talk(
    server: Server, address: str, rows: Rows, chance: random.Random, most: int | None
) -> tuple[Rows, Rows]:
    """Send requests until there is no answer; return what is stored without and with the last."""
    sure = then = rows
    with suppress(OSError, http.client.HTTPException):
        step = server.client(address)
        for _ in range(most) if most else count():
            then, send = step(sure, chance)
            status = send()
            if status != 200:
                raise ValueError(f"status {status}")
            sure = then
    return sure, then


def _labelling(suggestions: Path, address: str) -> Step:
    page, ids = Labeller(address), pd.read_csv(suggestions)["id"].tolist()

    def step(rows: Rows, chance: random.Random) -> tuple[Rows, Callable[[], int]]:
        if rows and (len(rows) == QUEUE or chance.random() < 0.3):
            return rows[:-1], lambda: page.ask("/undo", {})[0]
        given = {"number": len(rows), "label": chance.choice(["NV", "MEL", None])}
        return (*rows, (ids[len(rows)], given["label"])), lambda: page.ask("/answer", given)[0]

    return step


def _predicting(address: str) -> Step:
    connection = http.client.HTTPConnection(urlsplit(address).netloc, timeout=20)

    def send(number: int) -> int:
        content = BytesIO()
        Image.fromarray(np.full((16, 16, 3), (number % 256, number // 256, 9), np.uint8)).save(
            content, "PNG"
        )
        connection.request("POST", "/predict", *form_of(content.getvalue()))
        response = connection.getresponse()
        response.read()
        return response.status

    return lambda rows, _: ((*rows, len(rows)), partial(send, len(rows)))


def _labels(out: Path) -> Rows:
    """Return the labels, read from a copy, as opening an SQLite file may change it."""
    copied = shutil.copytree(out, out.with_name("copied"), dirs_exist_ok=True)
    try:
        with closing(sqlite3.connect(copied / "l.sqlite")) as file:
            assert file.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
            if not file.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]:
                return ()
            return tuple(file.execute("SELECT image, label FROM answer ORDER BY number"))
    finally:
        shutil.rmtree(copied)


def _kept(out: Path) -> Rows:
    """Return the numbers of the images of whole lines."""
    answers = out / "answers.jsonl"
    text = answers.read_text(encoding="utf-8") if answers.exists() else ""
    files = [json.loads(line)["file"] for line in text[: text.rfind("\n") + 1].splitlines()]
    colours = [Image.open(out / name).getpixel((8, 8)) for name in files]
    return tuple(red + 256 * green for red, green, _ in colours)


def _check_nothing_left(out: Path) -> None:
    names = {path.name for path in out.iterdir()}
    left = [name for name in names if not re.fullmatch(r"[0-9a-f]{32}\.png|\.lock", name)]
    assert left in (["l.sqlite"], ["answers.jsonl"]), f"{left} are left"
