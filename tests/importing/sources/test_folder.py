import pytest

from twinlens.errors import UserError
from twinlens.importing.source import Options
from twinlens.importing.sources import folder


def by_id(source, column):
    values = source.table.set_index("id")[column].astype(object)
    return values.where(values.notna(), None).to_dict()


def test_sub_folders_are_classes(class_folder, draw):
    draw(class_folder / "nevus" / "deep" / "down" / "7.JPG", 7)
    draw(class_folder / "loose.png", 8)
    source = folder.read(str(class_folder), Options())
    labels = by_id(source, "label")
    assert labels["melanoma/0.png"] == "melanoma"
    assert labels["nevus/deep/down/7.JPG"] == "nevus"
    assert labels["loose.png"] is None
    assert (source.table["group"] == source.table["id"]).all()
    assert source.table["split"].isna().all()
    ids = [path.relative_to(class_folder).as_posix() for path in source.items]
    assert ids == source.table["id"].tolist()


def test_a_folder_unlabelled_beside_the_classes(class_folder, draw):
    draw(class_folder / "unlabelled" / "8.png", 8)
    source = folder.read(str(class_folder), Options())
    assert by_id(source, "label")["unlabelled/8.png"] is None
    assert source.table["split"].isna().all()


def test_folders_of_splits_hold_folders_of_classes(tmp_path, draw):
    for place in ("train/nevus/1.png", "test/nevus/2.png", "pool/3.png", "unlabelled/scc/4.png"):
        draw(tmp_path / place)
    source = folder.read(str(tmp_path), Options(split_map={"pool": "unlabelled"}))
    assert by_id(source, "split") == {
        "train/nevus/1.png": "train",
        "test/nevus/2.png": "test",
        "pool/3.png": "unlabelled",
        "unlabelled/scc/4.png": "unlabelled",
    }
    assert list(by_id(source, "label").values()).count("nevus") == 2
    assert by_id(source, "label")["pool/3.png"] is None
    assert by_id(source, "label")["unlabelled/scc/4.png"] == "scc"


@pytest.mark.parametrize(
    ("places", "labels"),
    [
        (["nevus/1.png", "nevus/2.png"], ["nevus", "nevus"]),
        (["nevus/1.png", "loose.png"], ["nevus", None]),
        (["photos/nevus/1.png", "photos/scc/2.png"], ["nevus", "scc"]),
        (["a/b/nevus/1.png", "a/b/scc/2.png", "loose.png"], ["nevus", "scc", None]),
        (["train/nevus/1.png", "train/scc/2.png"], ["nevus", "scc"]),
        (["photos/train/nevus/1.png", "photos/test/nevus/2.png"], ["nevus", "nevus"]),
        (["nevus/1.png", "unlabelled/2.png"], ["nevus", None]),
    ],
)
def test_one_folder_is_a_class_or_holds_the_classes(places, labels, tmp_path, draw):
    for place in places:
        draw(tmp_path / place)
    assert folder.detect(str(tmp_path))
    source = folder.read(str(tmp_path), Options())
    assert by_id(source, "label") == dict(zip(places, labels, strict=True))


@pytest.mark.parametrize("place", ["1.png", "images/1.png", "x/IMG/1.png", "unlabelled/a/1.png"])
def test_other_lone_folders_are_no_class(place, tmp_path, draw):
    draw(tmp_path / place)
    assert not folder.detect(str(tmp_path))


def test_a_lone_folder_of_a_split_holds_the_classes(tmp_path, draw):
    for place in ("photos/train/nevus/1.png", "photos/train/scc/2.png"):
        draw(tmp_path / place)
    assert set(by_id(folder.read(str(tmp_path), Options()), "split").values()) == {"train"}


@pytest.mark.parametrize("place", ["", "nowhere"])
def test_a_folder_without_images_is_refused(place, tmp_path):
    with pytest.raises(UserError, match=r"not a folder with images \(.*\.png"):
        folder.read(str(tmp_path / place), Options())
