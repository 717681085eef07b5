import numpy as np
import pytest
import torch

from twinlens.data.dataset import open_dataset
from twinlens.data.splits import open_split
from twinlens.engine.device import make_fabric
from twinlens.errors import UserError
from twinlens.inference.embed import embed_rows
from twinlens.inference.prediction_sets import sets_of
from twinlens.inference.predictor import Predictor
from twinlens.inference.temperature import scaled
from twinlens.inference.test_time import predict_ensemble
from twinlens.inference.unlike_training import K, UnlikeTraining
from twinlens.models.bundle import load_bundle, load_index
from twinlens.models.ensemble import read_members
from twinlens.models.load_model import load_model


@pytest.fixture
def fabric():
    return make_fabric("fp32", "cpu")


@pytest.fixture(scope="module")
def data(phantoms):
    return open_dataset(phantoms)


def test_a_trained_model_answers_with_all_that_it_carries(trained, data, fabric):
    model, rows = trained / "model", open_split(data).rows["test"]
    predictor, bundle = Predictor(model, fabric), load_bundle(model)
    found, info = predictor.answer(data.images[rows], neighbours=2 * K), bundle.info
    expected = scaled(found.raw, info.temperature)
    np.testing.assert_allclose(found.probabilities, expected)
    np.testing.assert_array_equal(found.sets, sets_of(info.prediction_sets, info.classes, expected))
    features = embed_rows(bundle.encoder, data, rows, fabric)
    np.testing.assert_allclose(found.features, features, atol=1e-5)
    unlike = UnlikeTraining(load_index(model, info), 95, info.unlike_threshold)
    np.testing.assert_allclose(found.distance, unlike.score(features), atol=1e-5)
    np.testing.assert_array_equal(found.unlike, found.distance > info.unlike_threshold)
    assert found.nearest.places.shape == (len(rows), 2 * K)
    train = data.table["id"].iloc[open_split(data).rows["train"]]
    assert predictor.index.ids == train.tolist()


def test_answers_do_not_depend_on_the_batch(trained, data, fabric):
    predictor = Predictor(trained / "model", fabric, by_class=True)
    together = predictor.answer(data.images[:6])
    for row in range(6):
        alone = predictor.answer(data.images[row : row + 1])
        np.testing.assert_allclose(alone.probabilities[0], together.probabilities[row], atol=1e-5)
        np.testing.assert_array_equal(alone.sets[0], together.sets[row])
        np.testing.assert_allclose(alone.distance[0], together.distance[row], atol=1e-5)


@pytest.mark.parametrize("model", ["small_model", "small_ensemble"])
def test_probabilities_are_those_of_evaluation_and_of_plain_torch(model, data, fabric, request):
    folder, pixels = request.getfixturevalue(model), np.array(data.images[:5])
    images = torch.from_numpy(pixels).permute(0, 3, 1, 2) / 255
    found = Predictor(folder, fabric).answer(pixels)
    members, read = read_members(folder), lambda rows: images[torch.from_numpy(rows)]
    expected = predict_ensemble(members, read, np.arange(5), batch_size=2, fabric=fabric)
    np.testing.assert_allclose(found.raw, expected, atol=1e-5)
    with torch.inference_mode():
        plain = load_model(folder)[0](images)
    single = Predictor(folder, fabric, tta=1).answer(pixels).probabilities
    np.testing.assert_allclose(single, plain, atol=1e-5)


def test_an_older_model_answers_without_sets_and_neighbours(small_ensemble, data, fabric):
    predictor = Predictor(small_ensemble, fabric)
    found = predictor.answer(data.images[:2])
    assert predictor.index is found.sets is found.unlike is found.distance is found.nearest is None
    assert found.features.shape == (2, 128)
    with pytest.raises(UserError, match="--tta 0 must be 1 or more"):
        Predictor(small_ensemble, fabric, tta=0)
