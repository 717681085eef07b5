import numpy as np

from twinlens.auditing.links import find_links, links_frame
from twinlens.auditing.neighbours import Neighbours


def test_a_copy_of_many_equal_images_is_linked_to_the_first(photographs, data_of):
    images = np.concatenate([photographs[[0, 0, 0, 0]], photographs[:1, :, ::-1], photographs[1:3]])
    links = find_links(data_of(images), None)
    assert {(link.a, link.b): link.found_by for link in links} == {
        ("i000", "i001"): "pixels",
        ("i000", "i002"): "pixels",
        ("i000", "i003"): "pixels",
        ("i000", "i004"): "hash",
    }


def test_a_pair_that_several_methods_find_counts_for_the_first(photographs, data_of):
    images = np.concatenate([photographs[:11], photographs[:1]])
    rows = np.array([[n for n in range(12) if n != row] for row in range(12)])[:, ::-1][:, :10]
    distances = np.ones(rows.shape)
    distances[0, rows[0] == 11] = distances[1, rows[1] == 2] = 0.1
    links = find_links(data_of(images, ["x"] * 12), Neighbours(rows, distances))
    assert {(link.a, link.b): link.found_by for link in links} == {
        ("i000", "i011"): "pixels",
        ("i001", "i002"): "embedding",
    }
    assert links_frame(links)[["a", "b"]].to_numpy().tolist() == [
        ["i000", "i011"],
        ["i001", "i002"],
    ]


def test_without_links_there_is_a_table_with_columns():
    assert links_frame([]).columns[:3].tolist() == ["a", "b", "found_by"]
