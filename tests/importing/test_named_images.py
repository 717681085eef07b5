import pandas as pd
import pytest

from twinlens.errors import UserError
from twinlens.importing.listing import image_files
from twinlens.importing.named_images import with_images
from twinlens.importing.source import Options


@pytest.fixture
def images(tmp_path, draw):
    for number, name in enumerate("abc"):
        draw(tmp_path / "images" / f"{name}.png", number)
    return tmp_path


def find(folder, *names, table="labels.csv", groups=None, files=None, **options):
    """Find the images that the lines of a table name, from line 2 on; None: a blank cell."""
    columns = {"id": names, "label": None, "group": groups, "split": None}
    rows = pd.DataFrame(columns, index=range(2, len(names) + 2), dtype=object)
    path = folder / table
    return with_images(path, rows, image_files(files or path.parent), Options(**options))


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
        (
            ["a.png", "b.png", "a.png"],
            r"more than once, with another group: 'a.png' \(lines 2, 4\);",
        ),
        (["a.png", "b.png", "a"], r"'a.png' \(lines 2, 4\)"),
        (["a.png", "images/a.png"], r"'a.png' \(lines 2, 3\)"),
        ([f"{stem}{end}" for end in (".png", "") for stem in "abcdefgh"], "and 3 more"),
    ],
)
def test_rows_that_contradict_each_other_are_refused_with_their_lines(
    images, draw, names, sentence
):
    for number, stem in enumerate("defgh"):
        draw(images / "images" / f"{stem}.png", number + 3)
    with pytest.raises(UserError, match=sentence):
        find(images, *names, groups=list(map(str, range(len(names)))))


def test_of_rows_that_agree_the_first_counts(images, capsys):
    source = find(images, "a.png", "b", "a", "a.png", groups=["1", "2", "1", "1"])
    assert source.table["id"].tolist() == ["a.png", "b"]
    assert "labels.csv: 2 rows repeat an earlier row's image" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("named", "others"),
    [
        ({"NEL/1.png": "x/NEL/1.png", "FAL/1.png": "x/FAL/1.png"}, []),
        ({"A.PNG": "x/a.png", "B": "b.png"}, []),
        ({"a.jpg": "a.png", "b.v2": "b.v2.png"}, ["b.png"]),
        ({"7": "x/0007.png", "img_12.png": "img_0012.png"}, ["0070.png"]),
        ({"u\u0308ber.png": "\u00fcber.png"}, []),
        ({"/mnt/old/x/a.png": "z/x/a.png", "/mnt/old/y/a.png": "z/y/a.png"}, []),
        ({"D:\\study\\images\\a.png": "images/a.png"}, []),
        ({"/mnt/images/a.png": "images/a.png", "/mnt/images/b.png": "b.png"}, ["other/a.png"]),
    ],
)
def test_a_name_that_differs_a_little_means_the_one_file_that_fits(tmp_path, draw, named, others):
    for file in [*named.values(), *others]:
        draw(tmp_path / file)
    assert find(tmp_path, *named).items == [tmp_path / file for file in named.values()]


def test_names_that_differ_from_their_files_are_told(images, capsys):
    find(images, "images/a.png", "b")
    assert not capsys.readouterr().err
    find(images, "A.png", "b.jpg")
    told = capsys.readouterr().err
    assert f"than their files: 2, such as 'A.png' for {images}/images/a.png." in told


def test_an_impossible_name_is_no_file(images):
    strange = ["x" * 5000, "a\0"]
    assert find(images, "a", *strange).skipped == [(name, "no such file") for name in strange]


def test_images_may_lie_below_another_root(images, draw):
    draw(images / "other" / "a.png")
    assert "--root names the folder" in find(images, "a").skipped[0][1]
    root = images / "images"
    assert find(images, "a", files=root, root=root).items == [root / "a.png"]
