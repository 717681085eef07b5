import re

import pytest

OPTIONS = {"grad_cam": True, "nearest": 3}


def send(client, *contents, params=None, **options):
    files = [("images", (f"{n}.png", each)) for n, each in enumerate(contents)]
    return client.post("/predict", files=files, params=params, **options)


def test_an_image_is_answered_with_all_that_the_model_knows(client, image):
    response = send(client(), image((150, 100, 0)), params=OPTIONS)
    assert response.status_code == 200
    assert response.json()["limits"] == "Not a medical device."
    (answer,) = response.json()["answers"]
    assert (answer["image"], answer["error"], answer["predicted"]) == (0, None, "MEL")
    assert [each["title"] for each in answer["classes"]] == ["Melanoma", "Nevus", "<b>DF</b>"]
    assert [each["probability"] for each in answer["classes"]] == pytest.approx([0.6, 0.4, 0])
    assert {each["name"]: each["probability"] for each in answer["groups"]} == pytest.approx(
        {"malignant": 0.6, "benign": 0.4}
    )
    assert answer["prediction_set"] == ["MEL", "NV"]
    assert (answer["unlike_training"], answer["distance"]) == (False, 0.5)
    assert [case["id"] for case in answer["nearest"]] == ["case 0", "case 1", "case 2"]
    assert answer["nearest"][1]["title"] == "Nevus"
    assert answer["grad_cam"].startswith("data:image/png;base64,")


def test_what_is_not_asked_for_is_left_out(client, image):
    (answer,) = send(client(), image()).json()["answers"]
    assert (answer["nearest"], answer["grad_cam"]) == ([], None)


def test_a_broken_image_among_others_has_an_error_in_its_place(client, image):
    response = send(client(), image((9, 0, 0)), b"text", image((0, 9, 0)))
    assert response.status_code == 200
    answers = response.json()["answers"]
    assert [each["predicted"] for each in answers] == ["MEL", None, "NV"]
    assert answers[1]["error"] == "not an image in a known format"
    assert answers[1]["classes"] == []


def test_what_the_model_cannot_give_is_refused(client, image):
    client = client()
    about = client.service.about
    client.service.about = about.model_copy(update={"grad_cam": False, "nearest": False})
    for params in ({"grad_cam": True}, {"nearest": 1}):
        response = send(client, image(), params=params)
        assert response.status_code == 422
        assert response.json()["detail"].startswith("This model")


@pytest.mark.parametrize("nearest", ["-1", "11", "many", "1e3"])
def test_a_wrong_option_is_named_in_a_sentence(client, image, nearest):
    response = send(client(), image(), params={"nearest": nearest})
    assert response.status_code == 422
    assert response.json()["detail"].startswith("nearest: ")


def test_a_failing_model_fails_its_request_alone(client, image):
    client = client()
    response = send(client, image((0, 0, 0)))
    assert response.status_code == 500
    assert response.json() == {"detail": "The server failed at this request."}
    assert send(client, image()).status_code == 200


def test_the_model_says_what_it_is_and_what_the_limits_are(client):
    about = client(max_bytes=1000, max_images=3).get("/model").json()
    assert (about["max_bytes"], about["max_images"], about["kept"]) == (1000, 3, False)
    assert about["classes"][0] == {"name": "MEL", "title": "Melanoma", "group": "malignant"}


def test_metrics_count_requests_images_and_batches(client, image):
    client = client()
    send(client, image(), b"x")
    client.get("/some/path")
    text = client.get("/metrics").text
    assert 'twinlens_requests_total{path="/predict",status="200"} 1.0' in text
    assert 'twinlens_requests_total{path="other",status="404"} 1.0' in text
    assert 'twinlens_images_total{result="answered"} 1.0' in text
    assert 'twinlens_images_total{result="failed"} 1.0' in text
    assert "twinlens_batch_images_count 1.0" in text
    assert "twinlens_waiting_images 0.0" in text


def test_the_page_and_openapi_load_nothing_from_elsewhere(client):
    client = client()
    page = client.get("/").text
    for file in ("page.css", "page.js"):
        assert f'"{file}"' in page
        page += client.get(f"/{file}").text
    assert not re.search(r"https?://|(src|href)=\"//", page.replace("http://www.w3.org", ""))
    paths = client.get("/openapi.json").json()["paths"]
    assert set(paths) == {"/predict", "/model", "/health", "/metrics"}
    assert client.get("/docs").status_code == 404
    assert client.get("/health").json()["status"] == "ok"


@pytest.mark.parametrize(
    "path", ["/../pyproject.toml", "/page/../app.py", "/%2e%2e/app.py", "/app.py"]
)
def test_no_other_file_is_served(client, path):
    assert client().get(path).status_code == 404
