import numpy as np
import pytest

from twinlens.data.table import SPLITS
from twinlens.phantom.textures import TEXTURES, texture_image, texture_of, texture_table

FROZEN = [  # image 7 as each texture, at 32 px: mean, standard deviation
    ("globules", 0.5883, 0.2626),
    ("network", 0.5842, 0.2601),
    ("none", 0.6021, 0.2376),
    ("ridges", 0.6521, 0.2224),
    ("rings", 0.5873, 0.2709),
    ("streaks", 0.6231, 0.2397),
]


def test_an_image_depends_on_seed_number_and_texture_alone():
    first = texture_image(3, 5, size=32)
    texture_image(4, 9, size=32)
    assert np.array_equal(texture_image(3, 5, size=32), first)
    assert np.array_equal(texture_image(3, 5, label=texture_of(3, 5), size=32), first)
    for others in [(4, 5), (3, 6)]:
        assert not np.array_equal(texture_image(*others, size=32), first)


def test_a_larger_set_begins_with_the_smaller_one():
    table = texture_table(240, 1)
    assert table.head(50).equals(texture_table(50, 1))
    assert table["label"].tolist() == [texture_of(1, number) for number in table["number"]]
    assert table["id"].is_unique


def test_each_part_holds_every_texture_equally_often():
    counts = texture_table(1200, 0).groupby(["split", "label"]).size().unstack()
    assert list(counts.columns) == sorted(TEXTURES)
    assert (counts.nunique(axis=1) == 1).all()
    shares = counts.sum(axis=1)[list(SPLITS)] / 1200
    np.testing.assert_allclose(shares, [0.025, 0.025, 0.20, 0.75])


def test_colour_and_brightness_say_little_about_the_texture():
    """A threshold on the mean of a channel tells textures hardly better than chance."""
    means = {
        texture: np.array(
            [texture_image(0, n, label=texture, size=16).mean((0, 1)) for n in range(60)]
        )
        for texture in TEXTURES
    }
    spread = np.std(np.concatenate(list(means.values())), axis=0)
    for texture in TEXTURES:
        shift = np.abs(means[texture].mean(0) - means["none"].mean(0)) / spread
        assert shift.max() < 0.3, texture


@pytest.mark.parametrize(("texture", "mean", "deviation"), FROZEN)
def test_the_images_are_frozen(texture, mean, deviation):
    """Results on textures can be compared only while nobody changes the drawing."""
    image = texture_image(0, 7, label=texture, size=32) / 255
    assert (image.mean(), image.std()) == pytest.approx((mean, deviation), abs=1e-3)
