import shutil

import numpy as np
import pytest
import torch

from twinlens.errors import UserError
from twinlens.exporting import int8
from twinlens.exporting.int8 import Comparison, quantise
from twinlens.exporting.onnx_file import onnx_runner, read_metadata


@pytest.mark.parametrize(
    ("equal", "times_as_fast", "kept"), [(9, 1.1, True), (8, 3.0, False), (9, 1.0, False)]
)
def test_it_is_kept_where_it_is_faster_and_decides_alike(equal, times_as_fast, kept):
    assert Comparison(9, equal, times_as_fast).kept == kept


@pytest.mark.parametrize("kept", [True, False])
def test_the_file_is_replaced_only_if_it_is_kept(onnx_file, phantoms, tmp_path, monkeypatch, kept):
    path = shutil.copy(onnx_file, tmp_path / "model.onnx")
    monkeypatch.setattr(int8.Comparison, "kept", kept)
    found = quantise(path, phantoms, 32)
    assert 0 <= found.equal <= found.images
    assert found.times_as_fast > 0
    assert [file.name for file in tmp_path.iterdir()] == ["model.onnx"]
    if not kept:
        assert path.read_bytes() == onnx_file.read_bytes()
        return
    assert path.stat().st_size < 0.5 * onnx_file.stat().st_size
    images = torch.from_numpy(int8._pixels(phantoms, 32, None)[:8])
    found, expected = (onnx_runner(file)(images) for file in (path, onnx_file))
    torch.testing.assert_close(found, expected, atol=0.1, rtol=0)
    assert not torch.equal(found, expected)
    assert read_metadata(path) == read_metadata(onnx_file) | {"precision": "int8"}


def test_decisions_are_counted_image_by_image():
    class Fixed:
        def __init__(self, classes):
            self.classes = classes

        def run(self, _, inputs):
            return [np.eye(3)[self.classes[inputs["images"][:, 0, 0, 0].astype(int)]]]

    images = np.zeros((4, 3, 2, 2), np.float32)
    images[:, 0, 0, 0] = np.arange(4)
    found = int8._compare(Fixed(np.array([0, 1, 2, 0])), Fixed(np.array([0, 1, 0, 0])), images)
    assert (found.images, found.equal) == (4, 3)


def test_a_data_set_without_images_is_refused(onnx_file, tmp_path, dataset_of):
    data = dataset_of(tmp_path / "data", ["a"])
    with pytest.raises(UserError):
        quantise(onnx_file, data.path, 32)
