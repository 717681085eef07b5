from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from twinlens.errors import UserError
from twinlens.importing.decode import decode, square
from twinlens.importing.pack import fingerprint, left_out, refuse_none, write_pack
from twinlens.importing.source import Options, Source
from twinlens.importing.sources import folder
from twinlens.records.dataset import ClassInfo


@pytest.fixture
def source(class_folder):
    return folder.read(str(class_folder), Options())


def test_holds_the_images_in_order(source, tmp_path):
    packed = write_pack(tmp_path / "pack.npy", source, 8)
    expected = [square(decode(Path(path).read_bytes()), 8) for path in source.items]
    result = np.load(tmp_path / "pack.npy", mmap_mode="r")
    assert result.dtype == np.uint8
    np.testing.assert_array_equal(result, expected)
    assert packed.kept == [0, 1, 2, 3, 4, 5]
    assert packed.reasons == {}


def test_a_broken_image_leaves_no_gap(source, tmp_path):
    write_pack(tmp_path / "whole.npy", source, 8)
    source.items[2].write_text("a note")
    source.items[4].unlink()
    packed = write_pack(tmp_path / "pack.npy", source, 8)
    assert packed.kept == [0, 1, 3, 5]
    assert packed.reasons == {
        2: "not an image in a known format",
        4: "cannot be read (No such file or directory)",
    }
    whole, rest = np.load(tmp_path / "whole.npy"), np.load(tmp_path / "pack.npy")
    np.testing.assert_array_equal(rest, whole[packed.kept])


def test_the_header_shrinks_in_place(tmp_path):
    """From a number of three digits to one of a single digit."""
    table = pd.DataFrame({"id": [str(row) for row in range(600)]})

    def read(row):
        image = Image.new("L", (8, 8), row) if row < 5 else None
        return image.tobytes() if image else b""

    def draw(content, **_):
        return Image.frombytes("L", (8, 8), content).convert("RGB") if content else decode(b"")

    packed = write_pack(tmp_path / "p.npy", Source(table, range(600), read, draw), 8)
    assert len(packed.reasons) == 595
    assert np.load(tmp_path / "p.npy")[:, 0, 0, 0].tolist() == [0, 1, 2, 3, 4]


def test_nothing_depends_on_the_number_of_workers(source, tmp_path):
    one = write_pack(tmp_path / "one.npy", source, 8, workers=1)
    four = write_pack(tmp_path / "four.npy", source, 8, workers=4)
    assert one == four
    assert (tmp_path / "one.npy").read_bytes() == (tmp_path / "four.npy").read_bytes()


def test_the_fingerprint_needs_no_decoding(source, tmp_path):
    source.items[1].write_bytes(b"")
    source.items[2].unlink()
    assert write_pack(tmp_path / "p.npy", source, 8).fingerprint == fingerprint(source, 8)


def test_the_fingerprint_follows_content_table_and_size(source, draw):
    first = fingerprint(source, 8)
    assert fingerprint(source, 9) != first
    assert fingerprint(replace(source, table=source.table.assign(label="x")), 8) != first
    assert fingerprint(replace(source, skipped=[("a", "no such file")]), 8) != first
    assert fingerprint(replace(source, classes=["nevus", "melanoma"]), 8) != first
    assert fingerprint(replace(source, class_info={"nevus": ClassInfo(group="benign")}), 8) != first
    draw(source.items[3], 77)
    assert fingerprint(source, 8) != first


def test_the_fingerprint_ignores_place_and_time(source, class_folder, tmp_path):
    before = fingerprint(source, 8)
    source.items[0].touch()
    class_folder.rename(tmp_path / "elsewhere")
    moved = folder.read(str(tmp_path / "elsewhere"), Options())
    assert fingerprint(moved, 8) == before


def test_a_pack_begins_with_the_images_of_another(source, tmp_path):
    whole, first, rest = (tmp_path / f"{name}.npy" for name in ("whole", "first", "rest"))
    expected = write_pack(whole, source, 8)
    head = replace(source, table=source.table[:2], items=source.items[:2])
    write_pack(first, head, 8)
    tail = replace(source, table=source.table[2:], items=source.items[2:])
    packed = write_pack(rest, tail, 8, after=first)
    assert rest.read_bytes() == whole.read_bytes()
    assert packed.pixels == expected.pixels
    assert packed.kept == [0, 1, 2, 3]


def test_a_source_without_images_is_refused():
    with pytest.raises(UserError, match="holds no images"):
        refuse_none(left_out(Source(pd.DataFrame({"id": []}), []), {}))
