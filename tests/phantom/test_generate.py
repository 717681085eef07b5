from dataclasses import astuple
from pathlib import Path

import numpy as np
import pytest

from twinlens import seeds
from twinlens.data.table import SPLITS
from twinlens.files import read_json
from twinlens.importing.formats.classes import ISIC_CLASSES
from twinlens.phantom import generate
from twinlens.phantom.generate import phantom_image, phantom_table
from twinlens.phantom.photograph import Photograph

CLASSES = sorted(ISIC_CLASSES)
FROZEN = [  # the first lesion of each class at 64 px: number, mean, standard deviation
    ("AK", 1, 0.6029, 0.2208),
    ("BCC", 0, 0.1885, 0.1131),
    ("BKL", 4, 0.5875, 0.2808),
    ("DF", 2, 0.2713, 0.1277),
    ("MEL", 12, 0.7890, 0.1800),
    ("NV", 5, 0.6564, 0.2011),
    ("SCC", 11, 0.8421, 0.1680),
    ("VASC", 13, 0.5011, 0.3022),
]
HARDNESS = Path(__file__).parents[2] / "benchmarks/results/phantom_hardness.json"


def test_an_image_depends_on_seed_lesion_and_photograph_alone():
    first = phantom_image(3, 5, 1, size=32)
    phantom_image(4, 9, 0, size=48)
    assert np.array_equal(phantom_image(3, 5, 1, size=32), first)
    for others in [(4, 5, 1), (3, 6, 1), (3, 5, 0)]:
        assert not np.array_equal(phantom_image(*others, size=32), first)


@pytest.mark.parametrize("label", CLASSES)
def test_a_lesion_looks_the_same_at_every_size(label):
    sizes = (32, 64, 128, 192)
    small = [
        phantom_image(0, 1, 0, label=label, size=size)
        .reshape(32, size // 32, 32, size // 32, 3)
        .mean(axis=(1, 3))
        for size in sizes
    ]
    for image in small[1:]:
        assert np.abs(image - small[0]).mean() < 6  # of 255, half of it noise


def test_the_table_lists_what_is_drawn():
    table = phantom_table(60, 1)
    row = table[table["hairs"] > 10].iloc[0]
    shot = Photograph.draw(
        seeds.generator(1, "phantom photograph", row["lesion"], row["photograph"])
    )
    assert (shot.hairs, shot.bubbles, shot.ruler, shot.vignette) == tuple(
        row[["hairs", "bubbles", "ruler", "vignette"]]
    )
    assert len(set(astuple(shot))) > 8
    assert table["skin_tone"].between(1, 6).all()


def test_classes_come_at_the_documented_frequency():
    lesions = phantom_table(900, 0).drop_duplicates("lesion").head(500)
    assert lesions["label"].value_counts().to_dict() == {
        name: 25 * times for name, times in generate.FREQUENCY.items()
    }
    assert list(generate.FREQUENCY) == list(ISIC_CLASSES) == CLASSES


def test_lesions_are_whole_in_a_split_and_every_class_is_in_each():
    table = phantom_table(1200, 0)
    assert table["id"].is_unique
    assert (table.groupby("group")["split"].nunique() == 1).all()
    assert (table.groupby("group")["label"].nunique() == 1).all()
    times = table.groupby("group").size().value_counts(normalize=True)
    assert set(times.index) == {1, 2, 3}
    assert times[1] > times[2] > times[3] > 0.05
    shares = table["split"].value_counts(normalize=True)[list(SPLITS)]
    np.testing.assert_allclose(shares, [0.25, 0.10, 0.25, 0.40], atol=0.03)
    assert (table.groupby("split")["label"].nunique() == 8).all()


@pytest.mark.parametrize(("label", "lesion", "mean", "deviation"), FROZEN)
def test_the_images_are_frozen(label, lesion, mean, deviation):
    """Results on phantoms can be compared only while nobody changes the drawing."""
    image = phantom_image(0, lesion, 0, size=64) / 255
    assert generate.lesion_label(0, lesion) == label
    assert (image.mean(), image.std()) == pytest.approx((mean, deviation), abs=1e-3)


def test_the_set_is_as_hard_as_documented():
    """Whoever changes the images measures them again: python benchmarks/phantom_hardness.py."""
    result = read_json(HARDNESS)
    assert result["phantom"]["version"] == generate.VERSION
    scores = {name: score["balanced_accuracy"] for name, score in result["scores"].items()}
    assert scores["logistic_regression_2000"] <= 0.35
    assert scores["resnet18_2000"] >= 0.70
    assert scores["resnet18_200"] <= scores["resnet18_2000"] - 0.15
