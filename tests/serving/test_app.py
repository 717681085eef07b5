import re

import pytest


def send(client, *contents, params=None, **options):
    files = [("images", (f"{n}.png", each)) for n, each in enumerate(contents)]
    return client.post("/predict", files=files, params=params, **options)


@pytest.mark.parametrize("nearest", ["-1", "11", "many", "1e3"])
def test_a_wrong_option_is_named_in_a_sentence(client, image, nearest):
    response = send(client(), image(), params={"nearest": nearest})
    assert response.status_code == 422
    assert response.json()["detail"].startswith("nearest: ")


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
