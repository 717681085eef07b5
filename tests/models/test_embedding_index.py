import json

import numpy as np
import pytest
from safetensors.numpy import save_file

from twinlens.errors import UserError
from twinlens.models.embedding_index import EmbeddingIndex


def test_neighbours_are_those_of_all_pairs():
    random = np.random.default_rng(0)
    features, others = random.normal(size=(40, 6)), random.normal(size=(5, 6))
    index = EmbeddingIndex(features, [f"i{n}" for n in range(40)], ["a"] * 40)
    found = index.nearest(others, 3)
    a, b = (x / np.linalg.norm(x, axis=1, keepdims=True) for x in (others, features))
    b = b.astype(np.float32).astype(np.float16).astype(float)
    distances = np.linalg.norm(a[:, None] - b, axis=2)
    np.testing.assert_array_equal(found.places, np.argsort(distances, axis=1)[:, :3])
    np.testing.assert_allclose(found.distances, np.sort(distances, axis=1)[:, :3], rtol=1e-5)
    scaled = index.nearest(7 * others, 3)  # the length of features does not matter
    np.testing.assert_allclose(scaled.distances, found.distances, rtol=1e-5)


def test_few_images():
    index = EmbeddingIndex(np.eye(2), ["a", "b"], ["x", "y"])
    assert index.nearest(np.array([[2.0, 0.0]]), 10).places.tolist() == [[0, 1]]
    assert index.nearest(np.zeros((1, 2)), 1).distances.tolist() == [[1.0]]
    with pytest.raises(UserError, match="no labelled training images"):
        EmbeddingIndex(np.zeros((0, 2)), [], [])


def test_a_stored_index_finds_the_same_at_the_same_distance(tmp_path):
    random = np.random.default_rng(0)
    index = EmbeddingIndex(
        random.normal(size=(30, 6)), [f"Bild ä{n}" for n in range(30)], [*"ab"] * 15
    )
    index.save(tmp_path / "index.safetensors")
    again, images = EmbeddingIndex.load(tmp_path / "index.safetensors"), random.normal(size=(5, 6))
    assert (again.ids, again.labels) == (index.ids, index.labels)
    expected, found = index.nearest(images, 4), again.nearest(images, 4)
    np.testing.assert_array_equal(found.places, expected.places)
    np.testing.assert_allclose(found.distances, expected.distances, rtol=1e-3)


@pytest.mark.parametrize(
    ("tensors", "header"),
    [
        ({"features": np.ones((2, 3), np.float16)}, {"ids": ["a"], "labels": ["x"]}),
        ({"features": np.ones((1, 3), np.float16)}, {"ids": ["a"]}),
        ({"other": np.ones((1, 3), np.float16)}, {"ids": ["a"], "labels": ["x"]}),
    ],
)
def test_what_is_no_index_is_refused(tmp_path, tensors, header):
    path = tmp_path / "index.safetensors"
    save_file(tensors, path, {key: json.dumps(value) for key, value in header.items()})
    with pytest.raises(UserError, match="is damaged or no index of images"):
        EmbeddingIndex.load(path)
    path.write_bytes(b"nothing")
    with pytest.raises(UserError, match="is damaged or no index of images"):
        EmbeddingIndex.load(path)
