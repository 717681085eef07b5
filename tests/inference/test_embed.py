import numpy as np
import pytest
import torch

from twinlens.errors import UserError
from twinlens.inference.embed import embed
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
