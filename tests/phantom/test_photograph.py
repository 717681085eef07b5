import numpy as np

from twinlens.phantom.photograph import shade
from twinlens.phantom.structures import Layers


def test_no_substance_leaves_the_skin_and_melanin_darkens_blue_most():
    skin, layers = np.full((2, 2, 3), 0.8, np.float32), Layers((2, 2))
    np.testing.assert_array_equal(shade(skin.copy(), layers), skin)
    layers.melanin += 1
    red, green, blue = shade(skin.copy(), layers)[0, 0]
    assert blue < green < red < 0.8
