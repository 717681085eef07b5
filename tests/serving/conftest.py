"""A model that answers at once, its service, and a real server in a thread."""

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from io import BytesIO

import numpy as np
import pytest
from fastapi.testclient import TestClient
from PIL import Image

from twinlens.serving.answers import About, ClassName
from twinlens.serving.app import create_app
from twinlens.serving.backend import Neighbour, Prediction
from twinlens.serving.limits import Limits
from twinlens.serving.serve import server
from twinlens.serving.service import Service

CLASSES = (
    ("MEL", "Melanoma", "malignant"),
    ("NV", "Nevus", "benign"),
    ("DF", "<b>DF</b>", "benign"),
)


class Stub:
    """Says a class for the colour that is strongest; remembers the sizes of its batches."""

    def __init__(self, seconds: float = 0) -> None:
        self.seconds, self.batches = seconds, []
        self.about = About(
            classes=[ClassName(name=n, title=t, group=g) for n, t, g in CLASSES],
            size=16, version="1", limits="Not a medical device.", coverage=0.9,
            unlike_training=True, nearest=True, grad_cam=True,
        )  # fmt: skip

    def answer(self, pixels):
        self.batches.append(len(pixels))
        time.sleep(self.seconds)
        return [self._one(image.mean(axis=(0, 1))) for image in pixels]

    def _one(self, colour):
        if colour.sum() == 0:
            raise RuntimeError("black")
        cases = tuple(Neighbour(f"case {i}", "NV", i / 10) for i in range(8))
        return Prediction(colour / colour.sum(), ("MEL", "NV"), bool(colour[2] > 200), 0.5, cases)

    def heat(self, _pixels, label):
        return np.eye(4) if label == 0 else np.zeros((4, 4))


def picture(colour: tuple[int, int, int] = (200, 50, 50), size: int = 20) -> bytes:
    buffer = BytesIO()
    Image.new("RGB", (size, size), colour).save(buffer, "PNG")
    return buffer.getvalue()


@pytest.fixture(scope="session")
def image() -> Callable[..., bytes]:
    """A function from a colour to a PNG of it."""
    return picture


@pytest.fixture
def client() -> Iterator[Callable[..., TestClient]]:
    """A function from limits and what else a server has to a client of it."""
    opened = []

    def make(backend=None, token=None, hosts=frozenset({"localhost"}), **options) -> TestClient:
        parts = {name: options.pop(name) for name in ("cases", "keeper") if name in options}
        service = Service(backend or Stub(), Limits(**options), **parts)
        app = create_app(service, token=token, hosts=hosts)
        opened.append(TestClient(app, "http://localhost", raise_server_exceptions=False))
        opened[-1].service = service
        return opened[-1].__enter__()

    yield make
    for each in opened:
        each.__exit__(None, None, None)


@pytest.fixture
def run_server() -> Callable[..., AbstractContextManager[str]]:
    """A function that runs a real server in a thread while its context is entered."""
    return _running


@contextmanager
def _running(backend=None, token=None, **options) -> Iterator[str]:
    """Run a real server in a thread, and yield its address."""
    listening = socket.create_server(("127.0.0.1", 0))
    app = create_app(Service(backend or Stub(), Limits(**options)), token=token)
    running = server(app)
    thread = threading.Thread(target=running.run, kwargs={"sockets": [listening]}, daemon=True)
    thread.start()
    while not running.started:
        time.sleep(0.01)
    yield f"http://127.0.0.1:{listening.getsockname()[1]}"
    running.should_exit = True
    thread.join()
