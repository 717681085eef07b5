import numpy as np
import pytest
from PIL import Image

from twinlens.data.dataset import open_dataset
from twinlens.engine.device import make_fabric
from twinlens.inference.predictor import Predictor
from twinlens.records.bundle import BundleInfo
from twinlens.serving.backend import open_backend


def test_a_trained_model_answers_as_predictor_does(trained, phantoms):
    model, data = trained / "model", open_dataset(phantoms)
    backend, pixels = open_backend(model, "cpu"), data.images[:6]
    expected = Predictor(model, make_fabric("fp32", "cpu")).answer(pixels)
    info = BundleInfo.read(model / "bundle.json")
    assert backend.about.coverage == info.prediction_sets.coverage
    assert backend.about.nearest
    assert backend.about.unlike_training
    labels = data.table.set_index("id")["label"]
    for place, found in enumerate(backend.answer(pixels)):
        np.testing.assert_allclose(found.probabilities, expected.probabilities[place], atol=1e-5)
        in_set = [name in found.prediction_set for name in info.classes]
        assert in_set == expected.sets[place].tolist()
        assert found.unlike_training == expected.unlike[place]
        assert found.distance == pytest.approx(expected.distance[place], abs=1e-5)
        assert len(found.nearest) == 10
        assert found.distance == pytest.approx(found.nearest[9].distance)
        assert all(case.label == labels[case.id] for case in found.nearest)


def test_a_training_image_is_its_own_nearest_case(trained, phantoms, client, encode):
    backend, data = open_backend(trained / "model", "cpu"), open_dataset(phantoms)
    name = backend._predictor.index.ids[4]
    (row,) = np.flatnonzero(data.table["id"] == name)
    files = {"images": encode(Image.fromarray(data.images[row]))}
    answer = client(backend).post("/predict?nearest=1", files=files).json()["answers"][0]
    assert answer["nearest"][0]["id"] == name
    assert answer["nearest"][0]["distance"] == pytest.approx(0, abs=1e-3)


def test_a_model_without_index_and_validation_images_says_so(small_ensemble):
    backend = open_backend(small_ensemble, "cpu")
    (found,) = backend.answer(np.zeros((1, 32, 32, 3), np.uint8))
    assert (backend.about.coverage, backend.about.nearest) == (None, False)
    assert (found.prediction_set, found.unlike_training, found.distance) == (None, None, None)
    assert found.nearest == ()
