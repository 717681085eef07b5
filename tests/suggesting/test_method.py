import numpy as np

from twinlens.suggesting.method import representatives


def test_a_group_is_stood_for_by_the_image_nearest_to_its_mean():
    x = np.array([[0.0, 0], [5, 5], [1, 0], [9, 9], [0.4, 0]])
    rows, labelled = representatives(
        x, np.array([0, 1, 0, 1, 0]), np.array([True, False, False, False, False])
    )
    assert rows.tolist() == [4, 1]  # of equally near images the first
    assert labelled.tolist() == [True, False]


def test_images_alone_stand_for_themselves():
    rows, _ = representatives(np.eye(4), np.array([2, 0, 3, 1]), np.zeros(4, bool))
    assert rows.tolist() == [1, 3, 0, 2]
