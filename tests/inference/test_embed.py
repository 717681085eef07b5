import numpy as np
import pytest
import torch

from twinlens.data.dataset import open_dataset
from twinlens.engine.device import make_fabric
from twinlens.errors import UserError
from twinlens.inference.embed import clean_batches, embed
from twinlens.views.view import clean_view, normalise


def test_features_are_those_of_the_clean_view(network, read):
    (encoder, _), rows = network, np.array([3, 17, 4, 9, 0])
    found = embed(encoder, read, rows, size=12, batch_size=2)
    assert encoder.training
    with torch.no_grad():
        expected = encoder.eval()(normalise(clean_view(read(rows), 12), encoder.mean, encoder.std))
    np.testing.assert_allclose(found, expected.numpy(), atol=1e-6)


def test_features_that_are_not_finite_are_refused(network, read):
    encoder, _ = network
    with torch.no_grad():
        encoder.network[0].bias[0] = torch.nan
    with pytest.raises(UserError, match="features of tiny are not finite for 3 of 3 images"):
        embed(encoder, read, np.arange(3), size=16, batch_size=2)


def test_batches_for_statistics_are_spread_over_rows_that_are_sorted(phantoms, network):
    (encoder, _), data, fabric = network, open_dataset(phantoms), make_fabric("fp32", "cpu")
    rows = np.argsort(data.labels, kind="stable")
    batches = [*clean_batches(encoder, data, rows, fabric, size=32, batch_size=50)]
    (whole,) = clean_batches(encoder, data, rows, fabric, size=32, batch_size=160)
    assert [len(batch) for batch in batches] == [40, 40, 40, 40]
    for number, batch in enumerate(batches):
        assert torch.equal(batch, whole[number::4])
