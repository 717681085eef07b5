import numpy as np
import pandas as pd
import pytest
from PIL import Image

from twinlens.importing.decode import decode
from twinlens.importing.grey_levels import levels_of, with_grey_levels
from twinlens.importing.source import Source


@pytest.mark.parametrize(
    ("lowest", "highest", "levels"),
    [
        (0, 200, (0, 255)),
        (9, 4095, (0, 4095)),
        (0, 4096, (0, 2**14 - 1)),
        (0, 65535, (0, 65535)),
        (0, 100_000, (0, 2**17 - 1)),
        (-1024, 3000, (-1024, 3000)),
        (-5, -5, (-5, -4)),
    ],
)
def test_the_levels_are_those_of_the_bits_needed(lowest, highest, levels):
    assert levels_of(lowest, highest) == levels


@pytest.fixture
def source_of(encode):
    def of(*images):
        contents = [encode(Image.fromarray(image), "TIFF") for image in images]
        table = pd.DataFrame({"id": range(len(images))})
        return Source(table, range(len(images)), read=lambda row: contents[row])

    return of


def test_the_images_of_a_source_share_their_levels(source_of, pixels):
    deep = np.full((10, 10), 1000, np.uint16)
    source = with_grey_levels(source_of(deep, deep * 4, pixels))
    shown = [np.asarray(source.decode(source.read(row)))[0, 0, 0] for row in range(2)]
    assert shown == [62, 249]  # of 4095
    (note,) = source.notes
    assert (note.kind, note.count) == ("range", 2)
    assert "more than 8 bits: 2. Their grey levels from 0 to 4,095" in note.text


def test_other_sources_are_as_they_were(source_of, pixels):
    for source in (source_of(pixels), source_of(np.full((10, 10), 60_000, np.uint16)), source_of()):
        assert with_grey_levels(source) is source
        assert source.decode is decode


def test_what_cannot_be_read_has_no_levels(tmp_path):
    (tmp_path / "x.png").write_text("no image")
    table = pd.DataFrame({"id": ["x", "y"]})
    source = Source(table, [tmp_path / "x.png", tmp_path / "gone.png"])
    assert with_grey_levels(source) is source
