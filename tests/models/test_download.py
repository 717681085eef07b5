"""A server that breaks off, lies and changes its mind: the file is whole or not there."""

import hashlib
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from random import Random

import pytest
import torch

from twinlens.errors import UserError
from twinlens.models import download as module
from twinlens.models.download import cache_folder, download
from twinlens.models.encoders import build_encoder
from twinlens.models.published import WEIGHTS, Published
from twinlens.models.weights import cached, load_weights

CONTENT = Random(0).randbytes(300_000)
OTHER = Random(1).randbytes(300_000)


class Server(ThreadingHTTPServer):
    """Serves `content`; each request takes the next of `faults`, by default none."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.content = CONTENT
        self.faults: list[str] = []
        self.ranges: list[str | None] = []
        self.tagged = self.resumes = True
        self.checks_if_range = True
        self.sends_length = True

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/resnet50.pth"

    @property
    def tag(self) -> str:
        return f'"{hashlib.sha256(self.content).hexdigest()[:16]}"'


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        server = self.server
        asked = self.headers.get("Range")
        server.ranges.append(asked)
        fault = server.faults.pop(0) if server.faults else ""
        if fault.isdigit():
            self.send_error(int(fault))
            return
        if fault == "hangs up":
            return
        same = not server.checks_if_range or self.headers.get("If-Range") == server.tag
        start = int(asked.removeprefix("bytes=")[:-1]) if asked and server.resumes and same else 0
        if start >= len(server.content):
            self.send_error(416)
            return
        body = server.content[start:]
        self.send_response(206 if start else 200)
        if start:
            self.send_header("Content-Range", f"bytes {start}-{len(server.content) - 1}/*")
        if server.tagged:
            self.send_header("ETag", server.tag)
        if server.sends_length:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body[: len(body) // 2] if fault == "breaks off" else body)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def server(monkeypatch) -> Iterator[Server]:
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    monkeypatch.setattr(module, "_PAUSE_S", 0.0)
    monkeypatch.setattr(module, "_CHUNK", 10_000)
    with Server() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "cache" / "barlow_twins.pth"


def flaw_of(content: bytes) -> Callable[[Path], str]:
    return lambda path: "" if path.read_bytes() == content else "its sha256 is another"


def fetch(server: Server, path: Path, content: bytes = CONTENT, size: int | None = None) -> None:
    download(server.address, path, flaw=flaw_of(content), size=size)


def assert_whole_and_alone(path: Path, content: bytes = CONTENT) -> None:
    assert path.read_bytes() == content
    assert [file.name for file in path.parent.iterdir()] == [path.name]


def test_a_file_arrives_whole_and_leaves_nothing_beside_it(server, path):
    fetch(server, path)
    assert_whole_and_alone(path)
    assert server.ranges == [None]


def test_dropped_connections_are_resumed_where_they_broke_off(server, path):
    server.faults = ["breaks off", "hangs up", "503", "breaks off", "429"]
    fetch(server, path, size=len(CONTENT))
    assert_whole_and_alone(path)
    asked = [int(text.removeprefix("bytes=")[:-1]) for text in server.ranges[1:]]
    assert asked == [150_000, 150_000, 150_000, 225_000, 225_000]


def test_a_server_without_ranges_starts_again(server, path):
    server.resumes, server.faults = False, ["breaks off"]
    fetch(server, path)
    assert_whole_and_alone(path)


def test_without_an_entity_tag_nothing_is_resumed(server, path):
    server.tagged, server.faults = False, ["breaks off"]
    fetch(server, path)
    assert_whole_and_alone(path)
    assert server.ranges == [None, None]


@pytest.mark.parametrize("checks_if_range", [True, False])
def test_a_file_that_changed_between_attempts_starts_again(server, path, checks_if_range):
    server.checks_if_range = checks_if_range
    server.faults = ["breaks off"] * 9
    with pytest.raises(UserError, match=r"the connection ended after \d+ of 300000 bytes"):
        fetch(server, path)
    assert not path.exists()
    assert path.with_name("barlow_twins.part.pth").stat().st_size > 100_000
    server.faults, server.content = [], OTHER
    fetch(server, path, OTHER)
    assert_whole_and_alone(path, OTHER)


def test_a_later_call_goes_on_with_what_an_earlier_one_left(server, path):
    server.faults = ["breaks off", "404"]
    with pytest.raises(UserError, match="404"):
        fetch(server, path)
    fetch(server, path)
    assert_whole_and_alone(path)
    assert server.ranges[-1] == "bytes=150000-"


def test_a_part_that_is_already_whole_or_too_long_is_fetched_again(server, path):
    part = path.with_name("barlow_twins.part.pth")
    part.parent.mkdir()
    part.write_bytes(CONTENT)
    part.with_name("barlow_twins.part.pth.etag").write_text(server.tag)
    fetch(server, path)
    assert_whole_and_alone(path)
    assert server.ranges == ["bytes=300000-", None]


def test_a_wrong_file_is_refused_and_not_kept(server, path):
    with pytest.raises(UserError, match=r"not the published file \(its sha256 is another\).*put"):
        fetch(server, path, OTHER)
    assert not [file for file in path.parent.iterdir() if file.suffix != ".lock"]


def test_half_a_file_of_half_the_length_is_refused(server, path):
    server.content = CONTENT[:150_000]
    with pytest.raises(UserError, match="150000 bytes instead of the published 300000"):
        fetch(server, path, size=len(CONTENT))
    assert not path.exists()


def test_half_a_file_without_its_length_is_noticed_by_the_known_size(server, path):
    server.sends_length, server.resumes = False, False
    server.faults = ["breaks off"] * 9
    with pytest.raises(UserError, match="the connection ended after 150000 of 300000 bytes"):
        fetch(server, path, size=len(CONTENT))
    assert not path.exists()
    server.faults = ["breaks off"]
    fetch(server, path, size=len(CONTENT))
    assert_whole_and_alone(path)


def test_a_file_of_unknown_length_is_refused(server, path):
    server.sends_length = False
    with pytest.raises(UserError, match="served without its length"):
        fetch(server, path)
    assert not path.exists()


def test_a_missing_file_is_not_asked_for_again_and_the_sentence_says_where_to_put_it(server, path):
    server.faults = ["404"]
    with pytest.raises(UserError) as caught:
        fetch(server, path)
    assert str(caught.value) == (
        f"{server.address} could not be downloaded (the server answers 404 Not Found): try again, "
        f"or fetch it on another machine and put it at {path}."
    )
    assert len(server.ranges) == 1


def test_offline_the_sentence_names_address_and_path(path, monkeypatch):
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with Server() as closed:
        address = closed.address
    with pytest.raises(UserError, match=r"no connection: .*refused.* put it at") as caught:
        download(address, path, flaw=flaw_of(CONTENT))
    assert address in str(caught.value)
    assert str(path) in str(caught.value)


def test_two_at_once_download_once(server, path):
    threads = [threading.Thread(target=fetch, args=(server, path)) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert path.read_bytes() == CONTENT
    assert len(server.ranges) == 1


def test_the_cache_is_where_the_environment_says(monkeypatch, tmp_path):
    monkeypatch.setenv("TWINLENS_CACHE", str(tmp_path))
    assert cache_folder() == tmp_path
    monkeypatch.delenv("TWINLENS_CACHE")
    assert cache_folder() == Path.home() / ".cache" / "twinlens" / "weights"


def test_a_folder_that_cannot_be_made_is_a_sentence(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match=r"cannot be made .*: set TWINLENS_CACHE"):
        download("http://localhost/w.pth", tmp_path / "file" / "w.pth", flaw=lambda _: "")


def test_weights_come_by_name_through_a_connection_that_breaks(server, tiny, tmp_path, monkeypatch):
    monkeypatch.setenv("TWINLENS_CACHE", str(tmp_path / "cache"))
    file = tmp_path / "theirs.pth"
    state = build_encoder(tiny, seed=1).state_dict()
    torch.save({f"module.{key}": tensor for key, tensor in state.items()}, file)
    server.content = file.read_bytes()
    entry = Published(
        address=server.address, encoder=tiny, keys="module.", source="A test.", licence="none"
    )
    monkeypatch.setitem(WEIGHTS, "ours", entry.model_copy(update={"sha256": "0" * 8}))
    encoder = build_encoder(tiny, seed=0)
    with pytest.raises(UserError, match=r"not the published file \(its sha256 begins with"):
        load_weights(encoder, "ours")
    assert not cached("ours").exists()

    monkeypatch.setitem(WEIGHTS, "ours", entry)
    server.content, whole = server.content[:-100], server.content
    with pytest.raises(UserError, match=r"not the published file \(.*is damaged"):
        load_weights(encoder, "ours")
    assert not cached("ours").exists()

    server.content, server.faults = whole, ["breaks off", "breaks off"]
    load_weights(encoder, "ours")
    assert_whole_and_alone(cached("ours"), whole)
    for key, tensor in encoder.state_dict().items():
        assert torch.equal(tensor, state[key])
