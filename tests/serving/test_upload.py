import socket
import struct
import time
import zlib
from contextlib import suppress

import httpx
import pytest

from twinlens.serving import serve

FORM = {"content-type": "multipart/form-data; boundary=b"}
PART = b'--b\r\ncontent-disposition: form-data; name="images"; filename="x"\r\n\r\n'


def bomb(side: int) -> bytes:
    """A PNG of a few bytes whose header promises side x side pixels."""
    head = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    chunks = [b"IHDR" + head, b"IDAT" + zlib.compress(bytes(99)), b"IEND"]
    parts = [struct.pack(">I", len(c) - 4) + c + struct.pack(">I", zlib.crc32(c)) for c in chunks]
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "empty file"),
        (b"a text, whatever its name says", "not an image in a known format"),
        (b"\x89PNG\r\n\x1a\n broken", "image"),
        (bomb(60_000), "more than 80,000,000 pixels"),
        (bomb(9_000), "more than 80,000,000 pixels (9000x9000)"),
        (bomb(4), "smaller than 8 pixels"),
        (b"\0" * 128 + b"DICM" + b"\xff" * 40, ""),
    ],
)
def test_a_file_that_is_no_usable_image_is_refused_with_the_reason(client, content, reason):
    response = client().post("/predict", files={"images": ("melanoma.png", content, "image/png")})
    assert response.status_code == 422
    detail = response.json()["detail"]
    assert detail.startswith("The image cannot be used: ")
    assert reason in detail
    assert "melanoma" not in response.text


def test_when_all_images_are_broken_the_first_reason_is_told(client):
    files = [("images", ("a", b"")), ("images", ("b", b"x"))]
    response = client().post("/predict", files=files)
    assert response.json()["detail"] == "None of the 2 images can be used; the first: empty file."


@pytest.mark.parametrize(
    ("headers", "body", "status"),
    [
        ({}, b"x", 415),
        ({"content-type": "application/json"}, b"{}", 415),
        ({"content-type": "image/png"}, b"x", 415),
        ({"content-type": "multipart/form-data"}, b"x", 400),
        (FORM, b"no boundary at all", 400),
        (FORM, b"--b\r\n\r\nno name\r\n--b--", 422),
        (FORM, b"--b\r\n" + b"x" * 9000 + b": y\r\n\r\n--b--", 400),
        (FORM, PART + b"never ends", 400),
        (FORM, b"--b--\r\n", 422),
        (FORM, b"--b\r\n\r\na\r\n" * 5 + b"--b--", 400),
        (FORM, b'--b\r\ncontent-disposition: form-data; name="images"\r\n\r\nx\r\n--b--', 422),
        (FORM, b'--b\r\ncontent-disposition: form-data; name="y"\r\n\r\n' + b"x" * 2000, 400),
        (FORM, b"", 400),
    ],
)
def test_a_malformed_form_is_refused_in_a_sentence(client, headers, body, status):
    response = client().post("/predict", headers=headers, content=body)
    assert response.status_code == status
    assert response.json()["detail"].endswith(".")


def test_too_many_images_are_refused(client, image):
    files = [("images", image())] * 3
    response = client(max_images=2).post("/predict", files=files)
    assert response.status_code == 413
    assert response.json()["detail"] == "A request may have 2 images."


def test_a_body_that_declares_too_much_is_refused_unread(client):
    def body():
        raise AssertionError("it was read")
        yield b""

    response = client().post(
        "/predict", headers=FORM | {"content-length": "50000000"}, content=body()
    )
    assert response.status_code == 413
    assert response.json()["detail"] == "A request may have 20 MB."
    assert response.headers["connection"] == "close"


def test_a_body_of_unknown_length_is_refused_once_it_is_too_long(run_server):
    sent = 0

    def body():
        nonlocal sent
        yield PART
        for _ in range(500):
            sent += 100_000
            yield bytes(100_000)

    with run_server(max_bytes=1_000_000) as address:
        with suppress(httpx.WriteError):  # the connection was closed under it
            assert httpx.post(f"{address}/predict", headers=FORM, content=body()).status_code == 413
        assert sent < 20_000_000
        assert httpx.get(f"{address}/health").status_code == 200


def test_images_never_touch_the_disk(client, image, monkeypatch):
    monkeypatch.setattr("tempfile.NamedTemporaryFile", None)
    monkeypatch.setattr("tempfile.TemporaryFile", None)
    files = {"images": image() + bytes(5_000_000)}
    assert client().post("/predict", files=files).status_code == 200


def _drip(address: str, start: bytes, seconds: float) -> tuple[bytes, float]:
    """Send a byte every while; return the answer, and when the server closed the connection."""
    host, port = address.removeprefix("http://").split(":")
    answer, began = b"", time.monotonic()
    with socket.create_connection((host, int(port)), timeout=0.05) as connection:
        connection.sendall(start)
        while time.monotonic() - began < seconds:
            try:
                part = connection.recv(10_000)
                if not part:
                    break
                answer += part
            except TimeoutError:
                connection.send(b"x")
            except ConnectionError:
                break
    return answer, time.monotonic() - began


def test_a_slow_upload_ends(run_server):
    start = b"POST /predict HTTP/1.1\r\nhost: localhost\r\ncontent-length: 9000\r\n"
    start += b"content-type: multipart/form-data; boundary=b\r\n\r\n" + PART
    with run_server(upload_seconds=0.3) as address:
        answer, seconds = _drip(address, start, 5)
    assert answer.startswith(b"HTTP/1.1 408 ")
    assert seconds < 2


@pytest.mark.parametrize("first", [b"", b"GET /health HTTP/1.1\r\nhost: localhost\r\n\r\n"])
def test_slow_headers_end(run_server, monkeypatch, first):
    monkeypatch.setattr(serve, "_HEADER_SECONDS", 0.3)
    with run_server() as address:
        answer, seconds = _drip(address, first + b"GET / HTTP/1.1\r\nhost: ", 5)
    assert answer.count(b"HTTP/1.1 ") == bool(first)
    assert seconds < 2


def test_a_full_queue_turns_away_and_says_when_to_come_again(client, image):
    client = client(queue=2, max_images=4)
    response = client.post("/predict", files=[("images", image())] * 3)
    assert response.status_code == 503
    assert response.headers["retry-after"] == "1"
    client.service._requests = 2
    assert client.post("/predict", files={"images": image()}).status_code == 503


def test_nothing_of_a_request_is_logged(run_server, image, caplog, capfd):
    secret, files = "a-secret-token-in-a-header", {"images": ("patient-name.png", image((0, 0, 0)))}
    with run_server() as address:
        headers = {"authorization": f"Bearer {secret}"}
        for content in (files, {"images": ("patient-name.png", b"broken-content")}):
            httpx.post(f"{address}/predict?patient=name", files=content, headers=headers)
        httpx.get(f"{address}/patient-name", headers=headers)
    logged = caplog.text + "".join(capfd.readouterr())
    assert "RuntimeError: black" in logged  # failures of the server are
    for word in (secret, "patient", "broken-content"):
        assert word not in logged
