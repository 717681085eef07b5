import socket
from types import SimpleNamespace

import pytest

from twinlens.errors import UserError
from twinlens.requests.serve import ServeRequest
from twinlens.serving.serve import check_memory, checked_limits, read_token, serve

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


def lacking(most, tried):
    """Return what predicts on a device with memory for some images at a time."""

    def answer(pixels):
        tried.append(len(pixels))
        if len(pixels) > most:
            raise RuntimeError("CUDA out of memory. Tried to allocate 2.00 GiB.")

    return answer


@pytest.mark.parametrize(
    ("most", "sizes", "sentence"),
    [
        (5, [12, 6, 3], "--max-batch 12 needs more memory than there is: --max-batch 3 fits"),
        (0, [12, 6, 3, 1], "choose --device cpu, or fewer --tta views"),
    ],
)
def test_a_batch_without_memory_is_refused_before_the_start(most, sizes, sentence):
    tried = []
    backend = SimpleNamespace(about=SimpleNamespace(size=16), answer=lacking(most, tried))
    with pytest.raises(UserError, match=sentence):
        check_memory(backend, 12)
    assert tried == sizes


def test_a_batch_that_lacks_memory_later_can_be_sent_again(client, image, monkeypatch, capsys):
    client = client()
    monkeypatch.setattr(client.service.backend, "answer", lacking(0, []))
    response = client.post("/predict", files={"images": image()})
    assert response.status_code == 503
    assert response.headers["retry-after"] == "1"
    assert "choose a smaller --max-batch" in capsys.readouterr().err
