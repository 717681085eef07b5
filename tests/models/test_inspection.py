"""The list of published weights, and the check of a file."""

import numpy as np
import pytest
import torch
from PIL import Image

from twinlens.errors import UserError
from twinlens.files import sha256
from twinlens.models.encoders import build_encoder
from twinlens.models.inspection import check_weights, draw_filters, list_weights
from twinlens.models.match import match
from twinlens.models.published import WEIGHTS
from twinlens.models.tensor_files import save_tensors


@pytest.fixture
def file(tiny, tmp_path):
    state = build_encoder(tiny, seed=1).state_dict()
    tensors = {f"encoder.{key}": tensor for key, tensor in state.items()}
    path = tmp_path / "w.safetensors"
    save_tensors(path, tensors | {"projector.weight": torch.ones(5, 4)})
    return path


def test_the_list_shows_every_entry_and_what_is_in_the_cache(monkeypatch, tmp_path):
    monkeypatch.setenv("TWINLENS_CACHE", str(tmp_path))
    (tmp_path / "vicreg.pth").write_bytes(b"x")
    table = list_weights()
    assert list(table.index) == list(WEIGHTS)
    assert list(table.index[table["cached"]]) == ["vicreg"]


def test_a_check_tells_names_shapes_and_the_sum(file, tiny):
    found = check_weights(file, encoder=tiny)
    assert found.fits
    assert found.summary == "loaded 6 of 6 tensors; dropped projector.weight"
    assert found.published is None
    assert dict(found.tensors.loc["encoder.conv1.weight"]) == {
        "shape": "4x3x3x3",
        "encoder": "conv1.weight",
    }
    assert found.tensors.loc["projector.weight", "encoder"] == "dropped"
    expected = build_encoder(tiny, seed=1)
    assert found.total == match(expected, expected.state_dict()).total


def test_a_check_says_what_does_not_fit_and_draws_it_nevertheless(file, tmp_path):
    picture = tmp_path / "filters.png"
    found = check_weights(file, encoder="resnet18", picture=picture)
    assert not found.fits
    assert "conv1.weight is 4x3x3x3 instead of 64x3x7x7" in found.summary
    assert picture.is_file()
    with pytest.raises(UserError, match="exists already"):
        check_weights(file, encoder="resnet18", picture=picture)
    check_weights(file, encoder="resnet18", picture=picture, overwrite=True)
    with pytest.raises(UserError, match=r"does not end in \.png"):
        check_weights(file, encoder="resnet18", picture=tmp_path / "notes.txt")


def test_a_check_knows_a_published_file_by_hash_or_by_sum(file, tiny, monkeypatch):
    total, entry = check_weights(file, encoder=tiny).total, WEIGHTS["vicreg"]
    for known in ({"sha256": sha256(file)[:8]}, {"sha256": "", "total": total + 0.04}):
        monkeypatch.setitem(WEIGHTS, "vicreg", entry.model_copy(update={"encoder": tiny} | known))
        assert check_weights(file, encoder=tiny).published == "vicreg"
    another = entry.model_copy(update={"total": total})  # of another encoder
    monkeypatch.setitem(WEIGHTS, "vicreg", another)
    assert check_weights(file, encoder=tiny).published is None


def test_a_file_needs_an_encoder_and_a_picture_a_convolution(tiny, tmp_path):
    save_tensors(tmp_path / "w.safetensors", {"bn1.weight": torch.ones(4)})
    with pytest.raises(UserError, match="--encoder is missing"):
        check_weights(tmp_path / "w.safetensors")
    with pytest.raises(UserError, match="Did you mean 'dinov2_small'"):
        check_weights("dinov2_smal")
    with pytest.raises(UserError, match="no convolution of three channels"):
        check_weights(tmp_path / "w.safetensors", encoder=tiny, picture=tmp_path / "x.png")
    assert not (tmp_path / "x.png").exists()


def test_filters_are_drawn_eight_a_line_each_from_black_to_white(tmp_path):
    filters = torch.rand(10, 3, 4, 4, generator=torch.Generator().manual_seed(0)) * 7 - 3
    filters[9] = 0.5  # a dead filter has no range
    draw_filters(tmp_path / "f.png", filters)
    pixels = np.asarray(Image.open(tmp_path / "f.png"))
    assert pixels.shape == (2 * 32 + 4, 8 * 32 + 7 * 4, 3)
    for number in range(9):
        top, left = number // 8 * 36, number % 8 * 36
        tile = pixels[top : top + 32, left : left + 32]
        assert (tile.min(), tile.max()) == (0, 255)
        small = filters[number].permute(1, 2, 0).numpy()
        stretched = (small - small.min()) / (small.max() - small.min())
        assert np.abs(tile[::8, ::8] - 255 * stretched).max() < 0.51
        assert (tile[:8, :8] == tile[0, 0]).all()
    assert not pixels[36:, 36:68].any()
