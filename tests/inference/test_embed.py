import numpy as np
import torch

from twinlens.inference.embed import embed
from twinlens.views.view import clean_view, normalise


def test_features_are_those_of_the_clean_view(network, read):
    (encoder, _), rows = network, np.array([3, 17, 4, 9, 0])
    found = embed(encoder, read, rows, size=12, batch_size=2)
    assert encoder.training
    with torch.no_grad():
        expected = encoder.eval()(normalise(clean_view(read(rows), 12), encoder.mean, encoder.std))
    np.testing.assert_allclose(found, expected.numpy(), atol=1e-6)
