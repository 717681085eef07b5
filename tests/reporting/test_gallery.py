import pytest

from twinlens.data.dataset import open_dataset
from twinlens.reporting.gallery import SIDE, Entry, Gallery, show_image


def test_an_image_is_shown_by_its_id_with_facts(phantoms):
    data = open_dataset(phantoms)
    name = data.table["id"][3]
    shown = show_image(data)(name, [("labelled NV", False)])
    assert (shown.id, shown.facts) == (name, [("labelled NV", False)])
    assert shown.uri.startswith("data:image/jpeg;base64,")
    assert data.size < SIDE


@pytest.mark.parametrize(
    ("shown", "total", "extent"),
    [(1, 1, "the only one"), (3, 3, "all 3"), (2, 1350, "2 of 1,350")],
)
def test_the_extent_says_how_many_of_all_are_shown(shown, total, extent):
    assert Gallery("Pairs", [Entry([], "")] * shown, total).extent == extent
