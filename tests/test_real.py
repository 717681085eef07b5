"""The main job on real dermatoscopic images, small enough for every CI run."""

import pytest

import twinlens
from twinlens.records.scores import Scores

pytestmark = pytest.mark.real


def test_a_probe_of_random_features_is_far_above_chance(shared, tmp_path):
    data = twinlens.import_images(
        shared / "data" / "derm",
        tmp_path / "data",
        image="image",
        label="diagnosis",
        group="group",
        split="split",
        size=32,
    )
    settings = {"tuning": "linear_probe", "tta": 1}
    run = twinlens.train(
        data.path, tmp_path / "run", encoder="resnet18", settings=settings, device="cpu"
    )
    scores = Scores.read(run / "metrics.json")
    assert (scores.val.n, scores.test.n) == (1280, 3023)
    assert scores.test.metrics["balanced_accuracy"] > 0.2  # chance is .125
