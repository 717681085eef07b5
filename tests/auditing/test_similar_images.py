import numpy as np
import pandas as pd
import pytest

from twinlens.auditing.duplicates import LINKS
from twinlens.auditing.label_errors import suspected_label_errors
from twinlens.auditing.neighbours import Neighbours, nearest_neighbours, whiten
from twinlens.auditing.similar_images import similar_images


@pytest.mark.parametrize("count", [60, 100, 400])
def test_images_far_nearer_to_each_other_than_to_the_rest_are_linked(features_like, count):
    features = features_like(count, dimensions=200)
    copies = features[:12] + features_like(12, dimensions=200, seed=1) / 50
    links = similar_images(nearest_neighbours(whiten(np.concatenate([features, copies]))))
    assert links.columns.tolist() == LINKS
    assert links["a"].tolist() == list(range(12))
    assert links["b"].tolist() == list(range(count, count + 12))
    assert links["score"].between(0.5, 1).all()
    assert set(links["found_by"]) == {"embedding"}


def test_links_do_not_depend_on_the_scale_of_distances(features_like):
    found = nearest_neighbours(whiten(features_like(100)))
    rows, distances = found.rows, found.distances
    wide = similar_images(found, threshold=0.95)
    assert len(wide) > 10
    scaled = Neighbours(rows, distances * 50)
    pd.testing.assert_frame_equal(similar_images(scaled, threshold=0.95), wide)
    assert similar_images(found).empty
    assert wide["a"].lt(wide["b"]).all()
    assert not wide.duplicated(["a", "b"]).any()


@pytest.mark.parametrize("count", [1, 2, 5, 10])
def test_without_a_tenth_neighbour_nothing_is_judged(features_like, count):
    features = features_like(5)[np.arange(count) // 2]  # pairs of equal ones
    found = nearest_neighbours(whiten(features))
    assert similar_images(found).empty
    if count < 5:
        assert suspected_label_errors(found, np.zeros(count, int), np.arange(count)).empty
