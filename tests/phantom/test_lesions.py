import numpy as np

from twinlens import seeds
from twinlens.importing.formats.classes import ISIC_CLASSES
from twinlens.phantom import lesions as phantom_lesions
from twinlens.phantom.canvas import Canvas
from twinlens.phantom.generate import phantom_image
from twinlens.phantom.structures import Layers

CLASSES = sorted(ISIC_CLASSES)


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


def test_nuisances_do_not_know_the_diagnosis(monkeypatch):
    """Without its lesion, a photograph is the same whatever the label says."""
    blank = lambda _rng, canvas: Layers((canvas.pixels, canvas.pixels))  # noqa: E731
    monkeypatch.setattr(phantom_lesions, "LESIONS", dict.fromkeys(CLASSES, blank))
    images = [phantom_image(0, 2, 0, label=label, size=32) for label in CLASSES]
    assert all(np.array_equal(image, images[0]) for image in images)
