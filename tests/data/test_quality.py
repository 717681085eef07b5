import numpy as np
import pandas as pd
import pytest
from scipy.ndimage import gaussian_filter, laplace

from twinlens.data import quality
from twinlens.data.hashing import grey
from twinlens.data.quality import measure, outliers


def textures(count, size=40, seed=0):
    """Colour noise around a middle grey, each image a little brighter or darker than others."""
    random = np.random.default_rng(seed)
    noise = 25 * random.standard_normal((count, size, size, 3))
    return 128 + 5 * random.standard_normal((count, 1, 1, 1)) + noise


def pack(images):
    return images.clip(0, 255).round().astype(np.uint8)


def test_measures_are_what_they_are_called():
    images = pack(textures(5))
    measures = measure(images)
    for row, image in enumerate(grey(images).astype(np.float64)):
        assert measures["exposure"][row] == pytest.approx(image.mean(), rel=1e-5)
        assert measures["contrast"][row] == pytest.approx(image.std(), rel=1e-4)
        assert measures["sharpness"][row] == pytest.approx(np.log10(laplace(image).var()), abs=1e-4)


def test_planted_images_are_found_for_the_right_reason():
    images = textures(60)
    images[3] = gaussian_filter(images[3], (2, 2, 0)) + 10
    images[11] = images[11] / 2
    images[25] = images[25] / 2 + 128
    images[40] = 130
    images[52] += 90 * np.random.default_rng(1).standard_normal(images[52].shape)
    found = outliers(measure(pack(images)))
    reasons = found.groupby("row")["reason"].agg(set).to_dict()
    assert reasons[3] == {"blurred"}
    assert "dark" in reasons[11]
    assert "bright" in reasons[25]
    assert reasons[40] == {"shows nothing"}
    assert reasons[52] == {"noisy"}
    assert set(reasons) == {3, 11, 25, 40, 52}
    assert found["row"][0] == 40  # the farthest from what is usual
    assert found.columns.tolist() == ["exposure", "contrast", "sharpness", "row", "reason"]
    by_row = measure(pack(images)).iloc[found["row"]].reset_index(drop=True)
    pd.testing.assert_frame_equal(found[by_row.columns], by_row)


def test_an_even_data_set_has_no_outliers():
    assert outliers(measure(pack(textures(60)))).empty
    assert outliers(measure(np.repeat(pack(textures(1)), 30, axis=0))).empty


def test_images_that_show_nothing_are_outliers_even_if_all_do():
    found = outliers(measure(np.full((20, 16, 16, 3), 90, dtype=np.uint8)))
    assert found["row"].tolist() == list(range(20))
    assert set(found["reason"]) == {"shows nothing"}


def test_what_is_usual_may_be_said_by_other_images():
    usual, images = measure(pack(textures(60))), textures(3, seed=1)
    images[1] = images[1] / 2
    found = outliers(measure(pack(images)), usual)
    assert set(found["row"]) == {1}
    assert "dark" in set(found["reason"])
    assert outliers(measure(pack(images[1:2]))).empty  # an image alone is as usual as can be


def test_batches_do_not_show(monkeypatch):
    images = pack(textures(20))
    expected = measure(images)
    monkeypatch.setattr(quality, "_BATCH", 3)
    pd.testing.assert_frame_equal(measure(images), expected)
    assert measure(images[:0]).shape == (0, 3)
