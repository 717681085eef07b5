import numpy as np
import torch

from twinlens.views.operations.solarise import Solarise


def test_values_are_added_to_then_clamped_then_inverted(noise, by_pixel):
    thresholds, additions = (0.4, 0.5, 0.6, 1.0), (-0.1, 0.0, 0.1, 0.1)

    def solarised(rgb, number, _):
        threshold, addition = number
        lifted = [min(max(value + addition, 0.0), 1.0) for value in rgb]
        return [value if value < threshold else 1 - value for value in lifted]

    pairs = list(zip(thresholds, additions, strict=True))
    actual = Solarise().apply(noise, torch.tensor(thresholds), torch.tensor(additions))
    np.testing.assert_allclose(actual, by_pixel(noise, pairs, solarised), atol=1e-6)


def test_values_are_inverted_from_the_threshold_on():
    x = torch.tensor([0.25, 0.5, 0.75]).reshape(1, 3, 1, 1)
    actual = Solarise().apply(x, torch.tensor([0.5]), torch.tensor([0.0])).flatten()
    assert actual.tolist() == [0.25, 0.5, 0.25]
    actual = Solarise().apply(x, torch.tensor([0.75]), torch.tensor([0.0])).flatten()
    assert actual.tolist() == [0.25, 0.5, 0.25]
