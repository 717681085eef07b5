import zlib

import numpy as np
import pytest
import torch

from twinlens.data.batches import reader
from twinlens.errors import UserError
from twinlens.inference.test_time import predict_probabilities
from twinlens.records.bundle import TestTimeAugmentation
from twinlens.views.recipes import RECIPES
from twinlens.views.view import clean_view, normalise, view

PACK = np.random.default_rng(0).integers(0, 256, (20, 16, 16, 3), dtype=np.uint8)
READ = reader(PACK, np.arange(20))
ROWS = np.array([3, 17, 4, 9, 0])
RECIPE = RECIPES["recommended"]
MEAN, STD = (0.5, 0.4, 0.3), (0.2, 0.3, 0.4)


def run(network, rows=ROWS, **changes):
    how = {"views": 3, "clean": True, "recipe": RECIPE, "seed": 5}
    tta = TestTimeAugmentation(**(how | {k: changes.pop(k) for k in how if k in changes}))
    settings = {"read": READ, "rows": rows, "tta": tta, "size": 16, "batch_size": 2}
    return predict_probabilities(*network, **(settings | changes))


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


def test_one_clean_view(network):
    found = run(network, views=1, size=8)
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

    found = run(network, rows=ROWS + 1000, read=elsewhere)
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


def test_nothing_to_predict(network):
    with pytest.raises(UserError, match="no images to predict"):
        run(network, rows=ROWS[:0])
