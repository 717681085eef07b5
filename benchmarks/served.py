"""Servers of Twinlens in a process of their own, and what they need: a model, data, suggestions."""

import http.client
import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pandas as pd
from PIL import Image

from twinlens.importing.import_images import import_images
from twinlens.models.bundle import save_bundle
from twinlens.models.encoders import build_encoder
from twinlens.models.heads import classifier
from twinlens.phantom.generate import phantom_image
from twinlens.records.bundle import BundleInfo, Provenance, TestTimeAugmentation
from twinlens.records.weights import InitialWeights, TrainedOn
from twinlens.suggesting.suggestions_file import write_table
from twinlens.views.recipes import RECIPES


def make_bundle(folder: Path, name: str, size: int) -> Path:
    """Write a bundle with random weights for eight classes."""
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


def make_suggestions(folder: Path, count: int) -> tuple[Path, Path]:
    """Write a data set of small synthetic images, and a file that suggests so many of them."""
    data = import_images(f"phantom:{max(count, 16)}", folder / "data", size=32, workers=1)
    path = folder / "suggestions.csv"
    write_table(path, pd.DataFrame({"id": data.table["id"].iloc[:count]}))
    return path, data.path


@contextmanager
def served(*words: object, before: Sequence[str] = ()) -> Iterator[tuple[str, int]]:
    """Run `twinlens serve` or `twinlens label`; yield its address and its process id.

    Args:
        words: Words of the command line after `twinlens`.
        before: Words of a program that runs it, such as strace.
    """
    command = [*before, sys.executable, "-m", "twinlens.cli", *map(str, words)]
    environment = os.environ | {"PYTHONUNBUFFERED": "1"}
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=environment)
    assert process.stderr is not None
    line = process.stderr.readline()
    found = re.search(r"http://[^\s;]+", line)
    if found is None:
        raise RuntimeError(line + process.stderr.read())
    try:
        yield found[0], process.pid
    finally:
        process.send_signal(signal.SIGINT)
        process.wait()


def form(size: int, kind: str = "JPEG") -> tuple[bytes, dict[str, str]]:
    """Return body and headers of a request with a synthetic image."""
    buffer = BytesIO()
    Image.fromarray(phantom_image(0, 0, 0, size=size)).save(buffer, kind, quality=90)
    return form_of(buffer.getvalue())


def form_of(content: bytes) -> tuple[bytes, dict[str, str]]:
    """Return body and headers of a request with a file."""
    head = b'--b\r\ncontent-disposition: form-data; name="images"; filename="x"\r\n\r\n'
    body = head + content + b"\r\n--b--\r\n"
    return body, {"content-type": "multipart/form-data; boundary=b"}


class Labeller:
    """What a browser does at the labelling page, without its script.

    Args:
        address: The address that was printed.
    """

    def __init__(self, address: str) -> None:
        url = urlsplit(address)
        self.connection = http.client.HTTPConnection(url.hostname or "", url.port, timeout=20)
        self.connection.request("GET", f"/?{url.query}")
        response = self.connection.getresponse()
        response.read()
        cookie = (response.getheader("set-cookie") or "").partition(";")[0]
        self._headers = {"Origin": f"http://{url.netloc}", "Cookie": cookie}
        self._headers["Content-Type"] = "application/json"

    def ask(self, path: str, body: dict[str, Any] | None = None) -> tuple[int, bytes]:
        """Get a path, or post to it; return status and content."""
        content = None if body is None else json.dumps(body)
        method = "GET" if body is None else "POST"
        self.connection.request(method, path, content, self._headers)
        response = self.connection.getresponse()
        return response.status, response.read()


def rss(pid: int) -> float:
    """Return the megabytes (2**20 bytes) of a process that are in memory."""
    text = Path(f"/proc/{pid}/status").read_text()
    return int(re.search(r"VmRSS:\s+(\d+)", text)[1]) / 1024  # type: ignore[index]
