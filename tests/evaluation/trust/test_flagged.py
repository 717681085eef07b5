import numpy as np
import pandas as pd
import pytest

from twinlens.evaluation.trust.flagged import flagged, poor_photographs, unlike_images
from twinlens.inference.unlike_training import fit_unlike_training
from twinlens.models.embedding_index import EmbeddingIndex

LABELS, GROUPS = np.zeros(40, int), [f"g{i // 2}" for i in range(40)]
WRONG = np.arange(40) % 4 == 0


def test_error_rates_of_flagged_images_and_of_others():
    dark, blurred = np.arange(40) < 8, np.arange(40) < 4
    found = flagged("poor photographs", {"dark": dark, "blurred": blurred}, LABELS, WRONG, GROUPS)
    assert found.images == {"dark": 8, "blurred": 4}
    assert found.share.value == 8 / 40
    assert (found.error_flagged.value, found.error_others.value) == (2 / 8, 8 / 32)
    assert found.share.low < 8 / 40 < found.share.high


@pytest.mark.parametrize("every", [False, True])
def test_rates_of_no_images_are_undefined(every):
    found = flagged("poor photographs", {"dark": np.full(40, every)}, LABELS, WRONG, GROUPS)
    rates = found.error_flagged.value, found.error_others.value
    assert rates == ((0.25, None) if every else (None, 0.25))
    assert flagged("poor photographs", {}, LABELS, WRONG, GROUPS).share.value == 0


def test_photographs_are_compared_with_those_of_the_training():
    random = np.random.default_rng(0)
    usual = pd.DataFrame(random.normal([128, 30, 2], [5, 2, 0.1], (200, 3)))
    usual.columns = ["exposure", "contrast", "sharpness"]
    measures = usual[:40].assign(exposure=np.where(np.arange(40) < 3, 20, 128.0))
    found = poor_photographs(measures, usual, LABELS, WRONG, GROUPS)
    assert found.images["dark"] == 3


def test_unlike_images_are_flagged_with_their_threshold():
    random = np.random.default_rng(0)
    like = np.array([1.0, 0, 0]) + 0.1 * random.normal(size=(100, 3))
    index = EmbeddingIndex(like[:50], [str(i) for i in range(50)], ["a"] * 50)
    unlike = fit_unlike_training(index, like[50:70])
    features = like[60:].copy()
    features[:5] = -features[:5]
    found = unlike_images(unlike, features, LABELS, WRONG, GROUPS)
    assert 5 <= found.images["far from the training images"] <= 10
    assert found.threshold == unlike.threshold
