import numpy as np
import pytest

from twinlens.data.splits import open_split
from twinlens.errors import UserError
from twinlens.importing.formats.classes import ISIC_CLASSES
from twinlens.importing.import_images import import_images
from twinlens.importing.source import Options
from twinlens.importing.sources import phantom
from twinlens.phantom.generate import phantom_image, phantom_table
from twinlens.phantom.textures import TEXTURES, texture_image

CLASSES = sorted(ISIC_CLASSES)


def test_an_image_does_not_depend_on_the_number_asked_for():
    small, large = (phantom.read(f"phantom:{n}:7", Options(size=32)) for n in (5, 40))
    assert small.table.equals(large.table.head(5))
    assert small.items == large.items[:5]


def test_import_gives_a_data_set_that_says_it_is_synthetic(tmp_path):
    dataset = import_images("phantom:60:2", tmp_path / "set", size=32)
    assert dataset.images.shape == (60, 32, 32, 3)
    assert dataset.classes == CLASSES
    assert all("synthetic" in info.title for info in dataset.class_info.values())
    assert {info.group for info in dataset.class_info.values()} == {"benign", "malignant"}
    row = phantom_table(60, 2).iloc[30]
    expected = phantom_image(2, row["lesion"], row["photograph"], size=32)
    np.testing.assert_array_equal(dataset.images[30], expected)
    split = open_split(dataset)
    assert sorted(np.concatenate(list(split.rows.values()))) == list(range(60))


def test_textures_are_a_set_too(tmp_path):
    dataset = import_images("textures:60:2", tmp_path / "set", size=32)
    assert dataset.classes == list(TEXTURES)
    np.testing.assert_array_equal(dataset.images[30], texture_image(2, 30, size=32))


@pytest.mark.parametrize(
    "source", ["phantom:many", "phantom:0", "phantom:10:1:2", "textures:-3", "textures:"]
)
def test_a_wrong_count_is_one_sentence(source):
    with pytest.raises(UserError, match=r"is not a set of synthetic images: write \w+, \w+:COUNT"):
        phantom.read(source, Options(size=32))


def test_the_default_set():
    default, spelt_out = (phantom.read(s, Options(size=32)) for s in ("phantom", "phantom:2400:0"))
    assert default.items == spelt_out.items
