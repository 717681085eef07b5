import math

import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from twinlens.errors import UserError
from twinlens.evaluation.features.probe import knn_probe, linear_probe


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


def _knn_by_loops(features, labels, wanted, k, temperature, balanced):
    predicted = []
    for query in wanted:
        cosines = [sum(query * row) / math.sqrt(sum(query**2) * sum(row**2)) for row in features]
        nearest = sorted(range(len(features)), key=lambda i: -cosines[i])[:k]
        votes = dict.fromkeys(sorted(set(labels)), 0.0)
        for i in nearest:
            frequency = sum(labels == labels[i]) if balanced else 1
            votes[labels[i]] += math.exp(cosines[i] / temperature) / frequency
        predicted.append(max(votes, key=votes.get))
    return predicted


@pytest.mark.parametrize("balanced", [True, False])
@pytest.mark.parametrize("k", [1, 7, 1000])
def test_the_nearest_images_vote_as_in_the_formula(k, balanced):
    rng = np.random.default_rng(6)
    labels = rng.choice([1, 4, 5], size=40, p=[0.7, 0.2, 0.1])
    features, wanted = rng.normal(size=(40, 6)), rng.normal(size=(25, 6))
    found = knn_probe(features, labels, wanted, k=k, temperature=0.3, balanced=balanced)
    assert found.tolist() == _knn_by_loops(features, labels, wanted, k, 0.3, balanced)


def test_separate_clusters_are_told_apart_at_any_length():
    rng = np.random.default_rng(7)
    labels = np.repeat([0, 1, 2], 30)
    features = (np.eye(3)[labels] * 5 + rng.normal(size=(90, 3)) * 0.3).astype(np.float32)
    assert (knn_probe(features[::2], labels[::2], features[1::2] * 100) == labels[1::2]).all()


def test_a_rare_class_is_heard_where_votes_are_balanced():
    features = np.ones((10, 2))
    labels = np.array([0] * 9 + [1])
    near_both = np.array([[1.0, 1.0]])
    assert knn_probe(features, labels, near_both, balanced=False).tolist() == [0]
    features[9] = [1, 1.01]
    assert knn_probe(features, labels, np.array([[1, 1.02]])).tolist() == [1]


def test_ties_go_to_the_first_image_and_the_lowest_class():
    features = np.eye(4)[[0, 1, 0, 1]]
    labels = np.array([7, 3, 3, 7])
    assert knn_probe(features, labels, np.eye(4)[[0, 1]], k=1).tolist() == [7, 3]
    assert knn_probe(features, labels, np.eye(4)[[0, 1]], k=4).tolist() == [3, 3]


def test_an_image_without_any_feature_is_like_none():
    features = np.array([[1.0, 0.0], [0.0, 1.0]])
    found = knn_probe(features, np.array([2, 1]), np.zeros((1, 2)))
    assert found.tolist() == [1]
