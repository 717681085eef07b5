import numpy as np
import pytest

from twinlens.errors import UserError
from twinlens.inference.embedding_index import EmbeddingIndex


def test_neighbours_are_those_of_all_pairs():
    random = np.random.default_rng(0)
    features, others = random.normal(size=(40, 6)), random.normal(size=(5, 6))
    index = EmbeddingIndex(features, [f"i{n}" for n in range(40)], ["a"] * 40)
    found = index.nearest(others, 3)
    a, b = (x / np.linalg.norm(x, axis=1, keepdims=True) for x in (others, features))
    distances = np.linalg.norm(a[:, None] - b, axis=2)
    np.testing.assert_array_equal(found.places, np.argsort(distances, axis=1)[:, :3])
    np.testing.assert_allclose(found.distances, np.sort(distances, axis=1)[:, :3])
    scaled = index.nearest(7 * others, 3)  # the length of features does not matter
    np.testing.assert_allclose(scaled.distances, found.distances)


def test_few_images():
    index = EmbeddingIndex(np.eye(2), ["a", "b"], ["x", "y"])
    assert index.nearest(np.array([[2.0, 0.0]]), 10).places.tolist() == [[0, 1]]
    assert index.nearest(np.zeros((1, 2)), 1).distances.tolist() == [[1.0]]
    with pytest.raises(UserError, match="no labelled training images"):
        EmbeddingIndex(np.zeros((0, 2)), [], [])
