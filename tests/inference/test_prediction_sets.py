import numpy as np

from twinlens.inference.prediction_sets import sets_of
from twinlens.records.bundle import PredictionSets


def test_a_class_is_in_the_set_up_to_the_threshold():
    by_class = {"a": 0.25, "b": None, "c": 0.9}
    known = PredictionSets(coverage=0.9, images=20, threshold=0.5, by_class=by_class)
    p = np.array([[0.75, 0.25, 0], [0.5, 0.5, 0], [0.4, 0.3, 0.3]], dtype=np.float32)
    assert sets_of(known, "abc", p).astype(int).tolist() == [[1, 0, 0], [1, 1, 0], [0, 0, 0]]
    of_class = sets_of(known, "abc", p, by_class=True)
    assert of_class.astype(int).tolist() == [[1, 1, 0], [0, 1, 0], [0, 1, 1]]
