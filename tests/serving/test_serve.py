import socket

import pytest

from twinlens.errors import UserError
from twinlens.requests.serve import ServeRequest
from twinlens.serving.serve import checked_limits, read_token, serve

TOKEN = "correct-horse-battery-staple"


@pytest.fixture(autouse=True)
def _no_token(monkeypatch):
    monkeypatch.delenv("TWINLENS_TOKEN", raising=False)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "::1", "127.0.0.2"])
def test_this_machine_needs_no_token(host):
    assert read_token(ServeRequest("m", host=host)) is None


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.4", "my.server", ""])
def test_another_address_is_refused_without_a_token(host):
    with pytest.raises(UserError, match=r"reached from other machines: give a token"):
        read_token(ServeRequest("m", host=host))


def test_a_token_comes_from_its_file_before_the_environment(tmp_path, monkeypatch):
    monkeypatch.setenv("TWINLENS_TOKEN", f" {TOKEN}2 ")
    assert read_token(ServeRequest("m", host="0.0.0.0")) == f"{TOKEN}2"
    assert read_token(ServeRequest("m")) == f"{TOKEN}2"
    (tmp_path / "token").write_text(f"{TOKEN}\n")
    assert read_token(ServeRequest("m", token_file=tmp_path / "token")) == TOKEN


@pytest.mark.parametrize("content", [b"", b"short", b"with spaces in it, many", "ü".encode() * 20])
def test_a_weak_or_strange_token_is_refused(tmp_path, content):
    (tmp_path / "token").write_bytes(content)
    with pytest.raises(UserError, match="The token must have 16"):
        read_token(ServeRequest("m", token_file=tmp_path / "token"))


def test_a_missing_token_file_is_refused(tmp_path):
    with pytest.raises(UserError, match="--token-file"):
        read_token(ServeRequest("m", token_file=tmp_path / "none"))


def test_limits_are_those_of_the_request():
    limits = checked_limits(ServeRequest("m", max_mb=1.5, rate=7))
    assert (limits.max_bytes, limits.rate, limits.queue) == (1_500_000, 7, 128)


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"rate": 0}, "--rate must be above 0"),
        ({"max_mb": -1.0}, "--max-mb must be above 0"),
        ({"queue": 3}, "--queue 3 has no room"),
    ],
)
def test_limits_without_sense_are_refused(options, sentence):
    with pytest.raises(UserError, match=sentence):
        serve("m", **options)


def test_a_port_in_use_and_a_missing_model_are_refused(small_model):
    with (
        socket.create_server(("127.0.0.1", 0)) as taken,
        pytest.raises(UserError, match="cannot be listened on"),
    ):
        serve(small_model, port=taken.getsockname()[1], device="cpu")
    with pytest.raises(UserError, match="neither the folder of a model"):
        serve("nowhere")
