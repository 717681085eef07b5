import math

import numpy as np
import pytest
import torch

from twinlens.models.encoders import build_encoder
from twinlens.pretraining.method import configure
from twinlens.pretraining.methods.diet import ImageClassifier, diet


def _logits(seed=0, images=7):
    source = torch.Generator().manual_seed(seed)
    return torch.randn(2, 4, images, generator=source, dtype=torch.float64) * 3


CLASSES = torch.tensor([5, 0, 3, 6])


@pytest.mark.parametrize("smoothing", [0.0, 0.3, 0.8])
def test_it_equals_the_formula_written_with_loops(smoothing):
    pair, total = _logits(), 0.0
    for z in pair:
        for row, image in zip(z.tolist(), CLASSES.tolist(), strict=True):
            logs = [v - math.log(sum(map(math.exp, row))) for v in row]
            q = [smoothing / 7 + (1 - smoothing) * (i == image) for i in range(7)]
            total -= sum(a * b for a, b in zip(q, logs, strict=True)) / 8
    loss, terms = diet(*pair, images=CLASSES, label_smoothing=smoothing)
    assert loss.item() == pytest.approx(total, rel=1e-12)
    right = [row.argmax() == i for z in pair for row, i in zip(z, CLASSES, strict=True)]
    assert terms["accuracy"] == pytest.approx(sum(right) / 8)


@pytest.mark.parametrize("smoothing", [0.3, 0.8])
def test_the_floor_is_reached_by_the_smoothed_target_and_passed_by_none(smoothing):
    target = torch.full((4, 7), smoothing / 7, dtype=torch.float64)
    target[torch.arange(4), CLASSES] += 1 - smoothing
    loss, terms = diet(target.log(), target.log() + 5, images=CLASSES, label_smoothing=smoothing)
    assert loss.item() == pytest.approx(terms["floor"].item(), rel=1e-6)
    for seed in range(3):
        assert diet(*_logits(seed), images=CLASSES, label_smoothing=smoothing)[0] > terms["floor"]


def test_a_classifier_without_knowledge_guesses_among_all_images():
    z = torch.zeros(4, 7, dtype=torch.float64)
    assert diet(z, z, images=CLASSES)[0].item() == pytest.approx(math.log(7))


def _network():
    settings = configure("recommended", {"method": "diet"}, where="")
    return ImageClassifier(build_encoder("resnet18_quarter", 0), settings, 0)


def test_images_of_a_group_are_one_class():
    network = _network()
    network.prepare(np.array([40, 3, 17]), np.array([0, 1, 0]), 0)
    assert network.classifier.out_features == 2
    assert network.complete((torch.zeros(3, 2),), np.array([17, 3, 40]))[1].tolist() == [0, 1, 0]


def test_each_image_of_the_pretraining_is_a_class():
    rows = np.array([40, 3, 17])
    network = _network()
    network.prepare(rows, np.array([0, 1, 2]), 0)
    views = torch.rand(2, 2, 3, 32, 32)
    outputs = network.complete(network(*views), np.array([17, 40]))
    assert [tuple(z.shape) for z in outputs[:2]] == [(2, 3), (2, 3)]
    assert outputs[2].tolist() == [2, 0]
    assert "classifier.weight" in network.state_dict()
    features = network.encoder(views[0])
    torch.testing.assert_close(
        outputs[0], features @ network.classifier.weight.T, atol=1e-4, rtol=1e-4
    )
