from io import BytesIO

import numpy as np
import pytest
from PIL import Image

pytest.importorskip("fastapi")

from fastapi.testclient import TestClient

from twinlens.labelling.access import Access
from twinlens.labelling.answers import Answers
from twinlens.labelling.queue import class_keys, read_queue
from twinlens.labelling.server import Session, build_app

ACCESS = Access("secret", 8000)
BASE = "http://127.0.0.1:8000"


@pytest.fixture
def session(data, suggestions, tmp_path):
    answers = Answers(tmp_path / "labels.sqlite", data)
    yield Session(data, read_queue(suggestions, data), class_keys(data, []), answers)
    answers.close()


@pytest.fixture
def client(session):
    with TestClient(build_app(session, ACCESS), base_url=BASE) as client:
        client.headers["origin"] = BASE
        assert client.get("/", params={"token": "secret"}).status_code == 200
        yield client


def answer(client, number, label):
    return client.post("/answer", json={"number": number, "label": label})


def test_the_address_gives_a_cookie_and_leaves_no_token_behind(session):
    client = TestClient(build_app(session, ACCESS), base_url=BASE, follow_redirects=False)
    response = client.get("/", params={"token": "secret"})
    assert (response.status_code, response.headers["location"]) == (303, "/")
    cookie = response.headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=strict" in cookie
    client.cookies.clear()
    assert client.get("/").status_code == 401
    assert client.get("/?token=guess").status_code == 401


def test_an_answer_that_is_not_stored_is_refused_in_a_sentence(client, tmp_path):
    answer(client, 0, "nevus")
    (tmp_path / "labels.sqlite").unlink()
    response = answer(client, 1, "nevus")
    assert response.status_code == 507
    assert "was moved or deleted meanwhile" in response.text
    assert client.get("/state").json()["done"] == 1


def test_every_response_has_the_security_headers(client):
    paths = ["/", "/label.js", "/label.css", "/state", "/image/0", "/nothing", "/openapi.json"]
    responses = [client.get(path) for path in paths]
    assert [r.status_code for r in responses] == [200, 200, 200, 200, 200, 404, 404]
    client.cookies.clear()
    for response in [*responses, client.get("/state")]:
        assert response.headers["content-security-policy"].startswith("default-src 'none'")
        assert response.headers["x-content-type-options"] == "nosniff"
        assert response.headers["cache-control"] == "no-store"
        assert "access-control-allow-origin" not in response.headers


def test_answers_move_on_and_undo_moves_back(client, session):
    state = client.get("/state").json()
    assert [state[key] for key in ("done", "total", "number", "next")] == [0, 4, 0, 1]
    assert state["id"] == "photos/7.png"
    assert state["predicted"] == ""  # hidden, as it would sway the answer
    assert answer(client, 0, "nevus").json()["number"] == 1
    assert answer(client, 1, None).json()["done"] == 2
    assert client.post("/undo", json={}).json()["number"] == 1
    for number, label in ((1, "melanoma"), (2, "nevus"), (3, None)):
        state = answer(client, number, label).json()
    assert (state["number"], state["next"], state["id"]) == (None, None, None)
    given = session.answers.given()
    assert [given[item.id].label for item in session.queue] == ["nevus", "melanoma", "nevus", None]


@pytest.mark.parametrize(
    ("content", "status"),
    [
        ({"number": 1, "label": "nevus"}, 409),  # of another tab, or a key pressed twice
        ({"number": 0, "label": "other"}, 422),
        ({"number": "x", "label": "nevus"}, 422),
        ({"number": 0}, 422),
        ([], 422),
    ],
)
def test_what_is_no_answer_is_not_stored(client, session, content, status):
    assert client.post("/answer", json=content).status_code == status
    assert session.answers.given() == {}


def test_another_site_cannot_answer(client, session):
    body = '{"number": 0, "label": "nevus"}'
    headers = {"origin": "http://evil.example", "content-type": "text/plain"}
    assert client.post("/answer", content=body, headers=headers).status_code == 403
    assert client.get("/state", headers={"host": "evil.example:8000"}).status_code == 421
    assert session.answers.given() == {}


def test_images_are_the_originals_without_metadata_or_those_of_the_pack(client, session, tmp_path):
    exif = Image.Exif()
    exif[0x010E] = "patient name"
    photo = Image.fromarray(np.full((30, 40, 3), 90, np.uint8))
    photo.save(tmp_path / "photos/7.png", exif=exif)
    response = client.get("/image/0")
    shown = Image.open(BytesIO(response.content))
    assert response.headers["content-type"] == "image/jpeg"
    assert (shown.size, dict(shown.getexif())) == ((40, 30), {})
    assert b"patient" not in response.content
    (tmp_path / "photos/2.png").write_text("broken")
    for number, row in ((1, 2), (3, 3)):
        shown = Image.open(BytesIO(client.get(f"/image/{number}").content))
        assert (np.array(shown) == session.data.images[row]).all()
    assert client.get("/image/4").status_code == client.get("/image/-1").status_code == 404


def test_predictions_are_shown_if_asked_for(session):
    assert Session(**{**vars(session), "show_predictions": True}).state()["predicted"] == (
        "nevus 0.7500"
    )
