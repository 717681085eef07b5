import re
import shutil
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import pandas as pd
import pytest

import twinlens
from twinlens.data import batches, remote_pack
from twinlens.data.dataset import hash_again, open_dataset
from twinlens.data.remote_pack import RemotePack, runs
from twinlens.errors import UserError
from twinlens.importing.import_images import import_images

fsspec = pytest.importorskip("fsspec")

PIXELS = np.random.default_rng(0).integers(0, 256, (20, 4, 4, 3), dtype=np.uint8)
TINY = {"device": "cpu", "epochs": 1, "lr": 1e-3, "encoder": "resnet18_quarter"}


@pytest.fixture(autouse=True)
def at_once(monkeypatch):
    monkeypatch.setattr(remote_pack, "WAIT_S", 0.0)


@pytest.fixture
def memory():
    """fsspec's memory, with a pack in it."""
    files = fsspec.filesystem("memory")
    files.store.clear()
    with files.open("/bucket/pack.npy", "wb") as file:
        np.save(file, PIXELS)
    yield files
    files.store.clear()


class _Ranges(SimpleHTTPRequestHandler):
    """Answers with the range of bytes that is asked for, as a web server or a bucket does."""

    def do_GET(self):
        found = re.fullmatch(r"bytes=(\d+)-(\d+)", self.headers.get("Range", ""))
        if found is None or "whole" in self.path:
            super().do_GET()
            return
        with open(self.translate_path(self.path), "rb") as file:  # noqa: PTH123
            content = file.read()[int(found[1]) : int(found[2]) + 1]
        self.send_response(206)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_):
        pass


@pytest.fixture
def site(tmp_path):
    """The address of a web server of tmp_path."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(_Ranges, directory=tmp_path))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize(
    "wanted",
    [
        3, -1 + 20, slice(2, 9), slice(None, None, 3), slice(9, 9), np.array([7, 3, 4, 3, 19]),
        np.array([], dtype=int), np.int64(5),
    ],
)  # fmt: skip
def test_it_is_indexed_as_an_array_is(memory, wanted):
    pack = RemotePack("memory://bucket/pack.npy")
    assert (pack.shape, pack.dtype, len(pack)) == (PIXELS.shape, np.uint8, 20)
    assert np.array_equal(pack[wanted], PIXELS[wanted])
    assert np.array_equal([*pack], PIXELS)
    with pytest.raises(IndexError, match="has 20 images"):
        pack[np.array([3, 20])]


def test_runs_of_neighbours():
    firsts, lasts = runs(np.array([2, 3, 4, 7, 7, 8]))
    assert (firsts.tolist(), lasts.tolist()) == ([2, 7, 7], [4, 7, 8])
    assert [part.tolist() for part in runs(np.array([], dtype=int))] == [[], []]


def test_a_web_server_is_asked_for_ranges_neighbours_in_one(site, tmp_path, monkeypatch):
    np.save(tmp_path / "pack.npy", PIXELS)
    pack, asked = RemotePack(f"{site}/pack.npy"), []
    cat_ranges = pack._files.cat_ranges

    def counted(paths, *rest, **options):
        asked.append(len(paths))
        return cat_ranges(paths, *rest, **options)

    monkeypatch.setattr(pack._files, "cat_ranges", counted)
    rows = np.array([4, 2, 3, 11, 19])
    assert np.array_equal(pack[rows], PIXELS[rows])
    assert asked == [3]


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("none.npy", None, "cannot be read"),
        ("short.npy", b"\x93NUMPY", "too short, or its server ignores ranges"),
        ("whole.npy", b"x" * 999, "too short, or its server ignores ranges"),
        ("other.npy", b"x" * 999, "is no pack of images"),
    ],
)
def test_what_is_no_pack_or_cannot_be_read_is_a_sentence(site, tmp_path, name, content, message):
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(UserError, match=f"{site}/{name} .*{message}"):
        RemotePack(f"{site}/{name}")


def test_a_connection_that_fails_now_and_then_is_tried_again(memory, monkeypatch):
    pack, left = RemotePack("memory://bucket/pack.npy"), [2]
    cat_ranges = pack._files.cat_ranges

    def failing(*arguments, **options):
        if left[0]:
            left[0] -= 1
            raise ConnectionError("reset by peer")
        return cat_ranges(*arguments, **options)

    monkeypatch.setattr(pack._files, "cat_ranges", failing)
    assert np.array_equal(pack[7], PIXELS[7])
    left[0] = remote_pack.TRIES
    with pytest.raises(UserError, match=r"cannot be read \(reset by peer\).*--resume"):
        pack[7]


@pytest.fixture
def elsewhere(phantoms, tmp_path, memory):
    """The data set `phantoms` with its pack in fsspec's memory."""
    data = tmp_path / "data"
    shutil.copytree(phantoms, data)
    memory.pipe_file("/bucket/images.npy", (data / "pack.npy").read_bytes())
    (data / "pack.npy").unlink()
    (data / "pack.url").write_text("memory://bucket/images.npy\n")
    return data


def test_a_remote_data_set_trains_to_the_same_weights(elsewhere, phantoms, tmp_path, monkeypatch):
    here, there = open_dataset(phantoms), open_dataset(elsewhere)
    assert hash_again(there) == there.hash == here.hash
    monkeypatch.setattr(batches, "CPU_LIMIT", 0)  # read batch by batch, a step ahead
    weights, losses = [], []
    for data in (phantoms, elsewhere):
        out = tmp_path / f"runs of {data.parent.name}"
        settings = {"projector": [8], "projector_epochs": 0, "monitor_points": 0, "batch_size": 16}
        run = twinlens.pretrain(data, out / "pretrained", settings=settings, **TINY)
        model = twinlens.train(
            data, out / "trained", pretrained=run, settings={"batch_size": 8, "tta": 1},
            device="cpu", epochs=1, lr=1e-3,
        )  # fmt: skip
        weights.append((model / "model" / "model.safetensors").read_bytes())
        losses.append(pd.read_parquet(model / "history.parquet")["loss"])
    assert weights[0] == weights[1]
    assert losses[0].equals(losses[1])


def test_images_are_not_added_to_a_remote_data_set(elsewhere):
    with pytest.raises(UserError, match=r"lie at memory://bucket/images.npy: to add to them"):
        import_images("phantom:10", elsewhere, size=32, add=True)
