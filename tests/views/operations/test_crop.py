import math
import random

import numpy as np
import pytest
from scipy import stats

from twinlens.seeds import uniforms
from twinlens.views.operations.crop import Crop

N = 20_000


def boxes(crop, height=64, width=64, n=N):
    draw = crop.draw(uniforms(0, 0, np.arange(n), Crop.NUMBERS), width / height)
    assert draw.applied.all()
    return np.stack(draw.numbers, axis=1).astype(np.float64)


def torchvisions_box(generator, height, width, scale, ratio):
    """RandomResizedCrop.get_params, without rounding to whole pixels."""
    for _ in range(10):
        area = height * width * generator.uniform(*scale)
        aspect = math.exp(generator.uniform(math.log(ratio[0]), math.log(ratio[1])))
        w, h = math.sqrt(area * aspect), math.sqrt(area / aspect)
        if w <= width and h <= height:
            left, top = generator.uniform(0, width - w), generator.uniform(0, height - h)
            return left / width, top / height, w / width, h / height
    w, h = width, height
    if width / height < ratio[0]:
        h = width / ratio[0]
    elif width / height > ratio[1]:
        w = height * ratio[1]
    return (width - w) / 2 / width, (height - h) / 2 / height, w / width, h / height


@pytest.mark.parametrize(("height", "width"), [(64, 64), (40, 100)])
@pytest.mark.parametrize("scale", [(0.08, 1.0), (0.7, 1.0)])
def test_boxes_are_distributed_as_torchvisions(height, width, scale):
    ratio = (3 / 4, 4 / 3)
    generator = random.Random(0)
    theirs = np.array([torchvisions_box(generator, height, width, scale, ratio) for _ in range(N)])
    ours = boxes(Crop(scale=scale), height, width)
    for described in (
        lambda b: b[:, 2] * b[:, 3],  # area
        lambda b: np.log(b[:, 2] * width / (b[:, 3] * height)),  # ratio
        lambda b: b[:, 0] + b[:, 2] / 2,  # centre
        lambda b: b[:, 1] + b[:, 3] / 2,
    ):
        assert stats.ks_2samp(described(ours).round(5), described(theirs).round(5)).pvalue > 1e-4


def test_boxes_stay_inside_and_in_their_ranges():
    left, top, width, height = boxes(Crop(scale=(0.3, 1.0))).T
    assert min(left.min(), top.min()) >= 0
    assert max((left + width).max(), (top + height).max()) <= 1 + 1e-6
    area, ratio = width * height, width / height
    assert area.min() >= 0.3 - 1e-6
    assert area.min() < 0.31
    assert area.max() > 0.97
    assert 3 / 4 - 1e-6 <= ratio.min() < 0.76
    assert 1.32 < ratio.max() <= 4 / 3 + 1e-6


def test_a_box_that_cannot_fit_is_the_largest_allowed_in_the_centre():
    expected = [[1 / 6, 0, 2 / 3, 1]] * 3  # 4:3 in an image of 2:1
    np.testing.assert_allclose(boxes(Crop(), height=50, width=100, n=3), expected, atol=1e-6)


def test_the_default_is_the_whole_image_and_not_reported():
    assert (boxes(Crop(), n=200) == [0, 0, 1, 1]).all()
    assert (Crop().probability(), Crop(scale=(0.5, 1)).probability()) == (0, 1)
    lines = Crop(scale=(0.5, 1), ratio=(1, 1), per_batch=True).details()
    assert lines == ["area 0.5 to 1", "width/height 1", "one draw per batch"]
