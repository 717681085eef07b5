import pandas as pd
import pytest

from twinlens.errors import UserError
from twinlens.importing.find_images import with_images
from twinlens.importing.listing import image_files
from twinlens.importing.source import Options


@pytest.fixture
def images(tmp_path, draw):
    for number, name in enumerate("abc"):
        draw(tmp_path / "images" / f"{name}.png", number)
    return tmp_path


def find(folder, *names, table="labels.csv", **options):
    """Find the images that the lines of a table name, from line 2 on; None: a blank cell."""
    rows = pd.DataFrame({"id": names}, index=range(2, len(names) + 2), dtype=object)
    path = folder / table
    return with_images(path, rows, image_files(path.parent), Options(**options))


@pytest.mark.parametrize(
    "name", ["images/a.png", "./images/a.png", "images/a", "images\\a.png", "a.png", "a"]
)
def test_an_image_is_found_by_path_name_or_id(images, name):
    source = find(images, name)
    assert [path.resolve() for path in source.items] == [(images / "images" / "a.png").resolve()]
    assert source.table["id"].tolist() == [name]


def test_an_absolute_path_and_one_outside_the_folder(images, draw):
    outside = draw(images / "elsewhere" / "x.png", 9)
    assert len(find(images, str(outside), "../images/a.png", table="images/t.csv").items) == 2


def test_missing_and_ambiguous_files_are_skipped(images, draw):
    draw(images / "copies" / "b.png", 5)
    source = find(images, "a", "b", "gone.png", None, "c")
    assert source.table["id"].tolist() == ["a", "c"]
    assert [path.name for path in source.items] == ["a.png", "c.png"]
    (ambiguous, reason), *others = source.skipped
    assert ambiguous == "b"
    assert "several files have this name" in reason
    assert others == [
        ("gone.png", "no such file"),
        ("labels.csv, line 5", "the row names no image"),
    ]


def test_of_a_table_alone_all_rows_with_a_name_are_kept(images):
    source = find(images, "a", None, "gone", table_only=True)
    assert source.table["id"].tolist() == ["a", "gone"]


@pytest.mark.parametrize(
    ("names", "sentence"),
    [
        (["a.png", "b.png", "a.png"], r"more than once: 'a.png' \(lines 2, 4\); keep one row"),
        (["a.png", "b.png", "a"], r"'a.png' \(lines 2, 4\)"),
        (["a.png", "images/a.png"], r"'a.png' \(lines 2, 3\)"),
        (["gone", "gone"], r"'gone' \(lines 2, 3\)"),
        ([f"x{number}" for number in range(8)] * 2, "and 3 more"),
    ],
)
def test_an_image_named_twice_is_refused_with_its_lines(images, names, sentence):
    with pytest.raises(UserError, match=sentence):
        find(images, *names)
