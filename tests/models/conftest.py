from collections import OrderedDict
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest
from huggingface_hub import constants
from torch import nn

from twinlens.models.encoders import ENCODERS, EncoderSpec
from twinlens.records.bundle import BundleInfo, Provenance, TestTimeAugmentation
from twinlens.records.weights import InitialWeights, Normalisation, TrainedOn
from twinlens.views.recipes import RECIPES


def _tiny() -> nn.Module:
    layers = {
        "conv1": nn.Conv2d(3, 4, 3, bias=False),
        "bn1": nn.BatchNorm2d(4),
        "pool": nn.AdaptiveAvgPool2d(1),
        "flat": nn.Flatten(),
    }
    return nn.Sequential(OrderedDict(layers))


@pytest.fixture
def tiny(monkeypatch) -> str:
    """Name of an encoder that costs no time: one convolution, four features."""
    monkeypatch.setitem(ENCODERS, "tiny", EncoderSpec(_tiny, feature_dim=4))
    return "tiny"


@pytest.fixture
def make_info(tiny) -> Callable[..., BundleInfo]:
    """A function that returns the description of a bundle, some of its fields changed."""

    def make(data="d", split="s", seed=0, **changes) -> BundleInfo:
        fields = {
            "encoder": tiny,
            "normalisation": Normalisation(mean=(0.0, 0.0, 0.0), std=(1.0, 1.0, 1.0)),
            "classes": ["MEL", "NV"],
            "class_info": {"MEL": {"title": "Melanoma", "group": "malignant"}},
            "size": 64,
            "test_time": TestTimeAugmentation(
                views=3, clean=True, recipe=RECIPES["paper-code"], seed=4
            ),
            "precision": "bf16",
            "provenance": Provenance(
                trained_on=TrainedOn(data_hash=data, split_hash=split),
                label_fraction=0.5,
                seed=seed,
                weights=InitialWeights(name="random"),
                settings={"epochs": 40},
            ),
        }
        return BundleInfo(**(fields | changes))

    return make


@pytest.fixture
def hub(tmp_path, monkeypatch) -> Callable[[str], Path]:
    """A function from a repository to its folder in a cache of the hub, without a network."""
    cache = tmp_path / "hub"
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(cache))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)

    def folder(repository: str) -> Path:
        place = cache / f"models--{repository.replace('/', '--')}"
        (place / "refs").mkdir(parents=True)
        (place / "refs" / "main").write_text("0" * 40)
        (place / "snapshots" / ("0" * 40)).mkdir(parents=True)
        return place / "snapshots" / ("0" * 40)

    return folder


@pytest.fixture
def hub_server(hub, monkeypatch) -> Iterator[dict[str, bytes | str]]:
    """The contents or error codes of the hub that a local server stands for, by path."""
    served: dict[str, bytes | str] = {}

    class Hub(BaseHTTPRequestHandler):
        def do_HEAD(self) -> None:
            content = served.get(self.path.lstrip("/"), "EntryNotFound")
            found = isinstance(content, bytes)
            code = {"GatedRepo": 403}.get(content, 404) if isinstance(content, str) else 200
            self.send_response(code)
            self.send_header("X-Repo-Commit", "0" * 40)
            self.send_header("ETag", f'"{hash(content):x}"')  # the name of the file's blob
            self.send_header("Content-Length", str(len(content)) if found else "0")
            if isinstance(content, str):
                self.send_header("X-Error-Code", content)
            self.end_headers()
            if found and self.command == "GET":
                self.wfile.write(content)

        do_GET = do_HEAD  # noqa: N815

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Hub)
    address = f"http://127.0.0.1:{server.server_port}"
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(constants, "ENDPOINT", address)
    template = address + "/{repo_id}/resolve/{revision}/{filename}"
    monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)
    Thread(target=server.serve_forever, daemon=True).start()
    yield served
    server.shutdown()
    server.server_close()
