from dataclasses import astuple
from pathlib import Path

import numpy as np
import pytest

from twinlens import seeds
from twinlens.data.splits import open_split
from twinlens.data.table import SPLITS
from twinlens.errors import UserError
from twinlens.files import read_json
from twinlens.importing.formats.isic_classes import ISIC_CLASSES
from twinlens.importing.import_images import import_images
from twinlens.importing.source import Options
from twinlens.importing.sources import phantom
from twinlens.importing.sources.phantom import phantom_image, phantom_table
from twinlens.phantom import lesions as phantom_lesions
from twinlens.phantom.canvas import Canvas, clod
from twinlens.phantom.photograph import Photograph, shade
from twinlens.phantom.structures import Layers, Outline

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
HARDNESS = Path(__file__).parents[3] / "benchmarks/results/phantom_hardness.json"


def test_an_image_depends_on_seed_lesion_and_photograph_alone():
    first = phantom_image(3, 5, 1, size=32)
    phantom_image(4, 9, 0, size=48)
    assert np.array_equal(phantom_image(3, 5, 1, size=32), first)
    for others in [(4, 5, 1), (3, 6, 1), (3, 5, 0)]:
        assert not np.array_equal(phantom_image(*others, size=32), first)


def test_an_image_does_not_depend_on_the_number_asked_for():
    small, large = (phantom.read(f"phantom:{n}:7", Options(size=32)) for n in (5, 40))
    assert small.table.equals(large.table.head(5))
    assert small.items == large.items[:5]


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


def test_photographs_of_a_lesion_show_it_from_elsewhere():
    """Turned back and moved back, two photographs share the lesion's pigment."""
    layers = [
        phantom_lesions.lesion_layers(seeds.generator(0, "lesion"), canvas, "NV")
        for canvas in (Canvas(96), Canvas(96, angle=np.pi / 2))
    ]
    straight, turned = (layer.melanin for layer in layers)
    assert np.abs(np.rot90(turned) - straight).mean() < 0.1 * straight.std()
    one, two = (phantom_image(0, 4, photo, size=64).astype(float) for photo in (0, 1))
    assert np.abs(one - two).mean() > 8


def test_waves_are_a_sum_of_plane_waves_fixed_to_the_lesion():
    canvas = Canvas(9, angle=0.7, zoom=1.3, centre=(0.2, -0.1))
    field = canvas.waves(np.random.default_rng(0), 0.5, count=3)
    rng = np.random.default_rng(0)
    direction, spread = rng.uniform(0, 2 * np.pi, 3), rng.normal(0, 0.35, 3)
    phase = rng.uniform(0, 2 * np.pi, 3)
    u, v = canvas.uv
    expected = np.zeros((9, 9))
    for i in range(3):
        k = 2 * np.pi / (0.5 * np.exp(spread[i]))
        along = np.cos(direction[i]) * u + np.sin(direction[i]) * v
        expected += np.sqrt(2 / 3) * np.cos(k * along + phase[i])
    np.testing.assert_allclose(field, expected, atol=1e-4)


def test_shapes_lie_where_the_coordinates_say():
    canvas = Canvas(200, angle=0.7, zoom=0.8, centre=(0.2, -0.1))
    centre = np.array([0.3, 0.1])
    mask = canvas.shapes([clod(np.random.default_rng(0), centre, 0.2, wobble=0.0)])
    u, v = canvas.uv
    inside = np.hypot(u - centre[0], v - centre[1]) < 0.2
    assert np.mean(np.abs(mask - inside)) < 0.005
    assert inside.mean() > 0.015


def test_lattice_and_scatter_stay_inside_the_outline():
    rng = np.random.default_rng(0)
    outline = Outline.draw(rng, 0.12)
    canvas = Canvas(400)
    border = outline.depth(canvas)
    for points in (
        outline.scatter(rng, 200, 0.2, 0.9),
        outline.lattice(rng, 0.1, jitter=0.1, high=0.9),
    ):
        columns, rows = ((points + 1) * 200).astype(int).T
        assert len(points) > 20
        assert border[rows, columns].min() > 0.05


def test_no_substance_leaves_the_skin_and_melanin_darkens_blue_most():
    skin, layers = np.full((2, 2, 3), 0.8, np.float32), Layers((2, 2))
    np.testing.assert_array_equal(shade(skin.copy(), layers), skin)
    layers.melanin += 1
    red, green, blue = shade(skin.copy(), layers)[0, 0]
    assert blue < green < red < 0.8


def test_nuisances_do_not_know_the_diagnosis(monkeypatch):
    """Without its lesion, a photograph is the same whatever the label says."""
    blank = lambda _rng, canvas: Layers((canvas.pixels, canvas.pixels))  # noqa: E731
    monkeypatch.setattr(phantom_lesions, "LESIONS", dict.fromkeys(CLASSES, blank))
    images = [phantom_image(0, 2, 0, label=label, size=32) for label in CLASSES]
    assert all(np.array_equal(image, images[0]) for image in images)


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
        name: 25 * times for name, times in phantom.FREQUENCY.items()
    }
    assert list(phantom.FREQUENCY) == list(ISIC_CLASSES) == CLASSES


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


@pytest.mark.parametrize("source", ["phantom:many", "phantom:0", "phantom:10:1:2", "phantom:-3"])
def test_a_wrong_count_is_one_sentence(source):
    with pytest.raises(UserError, match=r"is not a set of phantom images: write phantom:?"):
        phantom.read(source, Options(size=32))


def test_the_default_set(monkeypatch):
    monkeypatch.setattr(phantom, "DEFAULT_COUNT", 12)
    default, spelt_out = (phantom.read(s, Options(size=32)) for s in ("phantom", "phantom:12:0"))
    assert default.items == spelt_out.items


@pytest.mark.parametrize(("label", "lesion", "mean", "deviation"), FROZEN)
def test_the_images_are_frozen(label, lesion, mean, deviation):
    """Results on phantoms can be compared only while nobody changes the drawing."""
    image = phantom_image(0, lesion, 0, size=64) / 255
    assert phantom.lesion_label(0, lesion) == label
    assert (image.mean(), image.std()) == pytest.approx((mean, deviation), abs=1e-3)


def test_the_set_is_as_hard_as_documented():
    """Whoever changes the images measures them again: python benchmarks/phantom_hardness.py."""
    result = read_json(HARDNESS)
    assert result["phantom"]["version"] == phantom.VERSION
    scores = {name: score["balanced_accuracy"] for name, score in result["scores"].items()}
    assert scores["logistic_regression_2000"] <= 0.35
    assert scores["resnet18_2000"] >= 0.70
    assert scores["resnet18_200"] <= scores["resnet18_2000"] - 0.15
