import numpy as np
import pytest

from twinlens.serving.backend import Prediction

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


def test_a_failing_model_fails_its_request_alone(client, image):
    client = client()
    response = send(client, image((0, 0, 0)))
    assert response.status_code == 500
    assert response.json() == {"detail": "The server failed at this request."}
    assert send(client, image()).status_code == 200


def test_what_is_not_a_number_is_no_answer(client, image, monkeypatch):
    client = client()
    backend = client.service.backend
    monkeypatch.setattr(backend, "_one", lambda *_: Prediction(np.full(3, np.nan)))
    response = send(client, image())
    assert response.status_code == 422
    assert "gives no finite probabilities" in response.json()["detail"]


def test_groups_are_told_only_if_every_class_has_one(client, image):
    client = client()
    first, *others = client.service.about.classes
    classes = [first.model_copy(update={"group": ""}), *others]
    client.service.about = client.service.about.model_copy(update={"classes": classes})
    assert send(client, image()).json()["answers"][0]["groups"] == []
