import zlib

import numpy as np
import pandas as pd
import pytest
import torch
from torch import nn

from twinlens.data.batches import reader
from twinlens.data.dataset import Dataset
from twinlens.errors import UserError
from twinlens.inference.predict import embed, predict, predictions_table
from twinlens.models.encoders import Encoder
from twinlens.records.dataset import DatasetRecord
from twinlens.views.recipes import RECIPES
from twinlens.views.view import clean_view, normalise, view

PACK = np.random.default_rng(0).integers(0, 256, (20, 16, 16, 3), dtype=np.uint8)
READ = reader(PACK, np.arange(20))
ROWS = np.array([3, 17, 4, 9, 0])
RECIPE = RECIPES["recommended"]
MEAN, STD = (0.5, 0.4, 0.3), (0.2, 0.3, 0.4)


@pytest.fixture
def network():
    """An encoder with the layers that behave otherwise in training, and a head."""
    layers = nn.Sequential(
        nn.Conv2d(3, 4, 3),
        nn.BatchNorm2d(4),
        nn.Dropout(0.5),
        nn.AdaptiveAvgPool2d(2),
        nn.Flatten(),
    )
    encoder = Encoder("tiny", layers, feature_dim=16, mean=MEAN, std=STD, default_size=16)
    head = nn.Linear(16, 3)
    random = torch.Generator().manual_seed(0)
    for parameter in [*encoder.parameters(), *head.parameters()]:
        nn.init.normal_(parameter, generator=random)
    return encoder, head


def run(network, rows=ROWS, **changes):
    settings = {"size": 16, "recipe": RECIPE, "views": 3, "clean": True, "seed": 5, "batch_size": 2}
    return predict(*network, READ, rows, **(settings | changes))


def softmax_of(network, images):
    """What one view gives, written out in float64."""
    encoder, head = (part.eval() for part in network)
    with torch.no_grad():
        z = head(encoder(normalise(images, MEAN, STD))).double().numpy()
    return np.exp(z) / np.exp(z).sum(axis=1, keepdims=True)


def drawn(number, size=16):
    images = READ(ROWS)
    pixels = (images * 255).round().byte().permute(0, 2, 3, 1).contiguous().numpy()
    keys = np.array([zlib.crc32(image.tobytes()) for image in pixels])
    return view(images, keys, recipe=RECIPE, seed=5, step=0, number=number, size=size)


def test_the_softmax_is_averaged_over_the_clean_view_and_drawn_ones(network):
    found = run(network)
    by_hand = [softmax_of(network, x) for x in (READ(ROWS), drawn(2), drawn(3))]
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, np.mean(by_hand, axis=0), atol=1e-6)


def test_all_views_are_drawn_where_none_is_clean(network):
    by_hand = [softmax_of(network, drawn(number, size=12)) for number in (1, 2)]
    found = run(network, views=2, clean=False, size=12)
    np.testing.assert_allclose(found, np.mean(by_hand, axis=0), atol=1e-6)


def test_a_clean_view_needs_no_recipe(network):
    found = run(network, views=1, recipe=None, size=8)
    np.testing.assert_allclose(found, softmax_of(network, clean_view(READ(ROWS), 8)), atol=1e-6)


def test_predictions_are_repeatable_and_depend_on_the_seed(network):
    assert np.array_equal(run(network), run(network))
    assert not np.allclose(run(network), run(network, seed=6))


def test_predictions_do_not_depend_on_the_batch_an_image_is_in(network):
    order = np.array([4, 2, 0, 1, 3])
    expected = run(network)
    np.testing.assert_allclose(run(network, batch_size=1), expected, atol=1e-6)
    np.testing.assert_allclose(run(network, batch_size=64), expected, atol=1e-6)
    np.testing.assert_allclose(run(network, rows=ROWS[order]), expected[order], atol=1e-6)


def test_predictions_do_not_depend_on_the_row_an_image_has(network):
    def elsewhere(rows):
        return READ(rows - 1000)

    settings = {"size": 16, "recipe": RECIPE, "views": 3, "clean": True, "seed": 5}
    found = predict(*network, elsewhere, ROWS + 1000, batch_size=2, **settings)
    assert np.array_equal(found, run(network))


def test_every_part_keeps_its_mode_and_the_weights_their_gradients(network):
    encoder, head = network
    encoder.train()
    encoder.network[1].eval()
    before = {name: value.clone() for name, value in encoder.state_dict().items()}
    run(network)
    assert [part.training for part in encoder.network] == [True, False, True, True, True]
    assert head.training
    assert all(torch.equal(before[name], value) for name, value in encoder.state_dict().items())
    assert all(parameter.requires_grad for parameter in head.parameters())


def test_the_forward_pass_is_under_autocast_and_the_softmax_is_not(network):
    found = run(network, autocast=lambda: torch.autocast("cpu", torch.bfloat16))
    np.testing.assert_allclose(found.sum(axis=1), 1, atol=1e-6)  # bf16 would miss it by 1e-3
    difference = np.abs(found - run(network)).max()
    assert 0 < difference < 0.1


def test_features_are_those_of_the_clean_view(network):
    encoder, _ = network
    found = embed(encoder, READ, ROWS, size=12, batch_size=2)
    assert encoder.training
    with torch.no_grad():
        expected = encoder.eval()(normalise(clean_view(READ(ROWS), 12), MEAN, STD))
    np.testing.assert_allclose(found, expected.numpy(), atol=1e-6)


def test_nothing_to_predict(network):
    with pytest.raises(UserError, match="no images to predict"):
        run(network, rows=ROWS[:0])


def test_the_table_of_predictions(tmp_path):
    table = pd.DataFrame(
        {"id": list("abcd"), "label": ["x", None, "y", "x"], "group": list("ggih"), "age": 1}
    ).astype({"label": "str"})
    record = DatasetRecord(classes=["x", "y"], size=16, hash="", images=4, skipped=0)
    dataset = Dataset(tmp_path, table, PACK[:4], record)
    probabilities = np.array([[0.25, 0.75], [1.0, 0.0]], dtype=np.float32)
    found = predictions_table(dataset, np.array([3, 0]), "test", probabilities)
    assert found.to_dict("list") == {
        "id": ["d", "a"],
        "label": ["x", "x"],
        "group": ["h", "g"],
        "split": ["test", "test"],
        "p_x": [0.25, 1.0],
        "p_y": [0.75, 0.0],
    }
    both = predictions_table(dataset, np.array([3, 0]), ["val", "test"], probabilities)
    assert both["split"].tolist() == ["val", "test"]
