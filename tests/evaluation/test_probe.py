import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from twinlens.errors import UserError
from twinlens.evaluation.probe import linear_probe


def _data(classes, seed=0):
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, classes, 300)
    centres = rng.normal(size=(classes, 6)) * 2
    features = (centres[labels] + rng.normal(size=(300, 6))) * [1, 10, 0.1, 1, 5, 1] + 3
    return features.astype(np.float32), labels


@pytest.mark.parametrize("weights", ["balanced", None])
@pytest.mark.parametrize("classes", [2, 3, 5])
def test_the_layer_gives_scikit_learns_probabilities(classes, weights):
    features, labels = _data(classes)
    model = make_pipeline(
        StandardScaler(), LogisticRegression(C=0.1, class_weight=weights, max_iter=2000)
    ).fit(features, labels)
    head = linear_probe(features, labels, classes=classes, c=0.1, balanced=bool(weights))
    found = head(torch.from_numpy(features)).softmax(1).detach().numpy()
    np.testing.assert_allclose(found, model.predict_proba(features), atol=1e-4)


def test_a_class_without_training_images_is_never_predicted():
    features, labels = _data(3)
    head = linear_probe(features, labels * 2, classes=6, c=0.1, balanced=True)
    found = head(torch.from_numpy(features)).softmax(1)
    assert found[:, [1, 3, 5]].max() == 0
    assert torch.isfinite(found).all()
    assert set(found.argmax(1).tolist()) == {0, 2, 4}


def test_one_class_is_nothing_to_tell_apart():
    features, _ = _data(2)
    with pytest.raises(UserError, match="at least two classes"):
        linear_probe(features, np.zeros(300, dtype=np.int64), classes=4, c=0.1, balanced=True)
