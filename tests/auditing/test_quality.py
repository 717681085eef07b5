import numpy as np

from twinlens.auditing.quality import find_outliers


def test_outliers_of_a_data_set_are_named_by_id(data_of):
    random = np.random.default_rng(0)
    noise = (128 + 25 * random.standard_normal((30, 40, 40, 3))).clip(0, 255).astype(np.uint8)
    blank = np.full((1, 40, 40, 3), 130, np.uint8)
    worst = find_outliers(data_of(np.concatenate([noise, blank])))[0]
    assert (worst.id, worst.reason, worst.exposure) == ("i030", "shows nothing", 130)
