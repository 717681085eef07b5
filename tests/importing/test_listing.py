import os
from pathlib import Path

import pytest

from twinlens.importing.listing import id_of, image_files, is_hidden, list_files


def touch(folder, *names):
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()
    return folder


def test_images_masks_and_the_rest_are_told_apart_and_sorted(tmp_path):
    names = ("b/2.JPG", "a.png", "masks/a.png", "t.csv", "._1.png", ".git/1.png", "__MACOSX/1.png")
    found = list_files(touch(tmp_path, *names))
    listed = [
        [id_of(tmp_path, path) for path in paths]
        for paths in (found.images, found.masks, found.others)
    ]
    assert listed == [["a.png", "b/2.JPG"], ["masks/a.png"], ["t.csv"]]
    assert found.hidden == [".git", "__MACOSX"]
    assert image_files(tmp_path) == found.images


@pytest.mark.parametrize(
    ("name", "mask"),
    [
        *((name, True) for name in ("x_mask.png", "x (1)_mask_2.png", "ISIC_0_Segmentation.png")),
        *((name, True) for name in ("x_superpixels.png", "Masks/x.png", "train/left_mask/x.png")),
        *((name, True) for name in ("D1/D1_lesion/x.bmp", "D1/D1_roi/y.bmp", "D1/D1_lesion.bmp")),
        *((name, False) for name in ("mask.png", "unmasked_x.png", "skin_lesion/x.png", "x_1.png")),
    ],
)
def test_masks_are_known_by_their_names(name, mask, tmp_path):
    found = list_files(touch(tmp_path, "photo.png", name))
    assert [path.relative_to(tmp_path).as_posix() for path in found.masks] == [name] * mask


def test_of_nothing_but_masks_all_are_images(tmp_path):
    assert len(image_files(touch(tmp_path, "with_mask/1.png", "no_mask/2.png"))) == 2


def test_circles_of_links_end(tmp_path):
    touch(tmp_path, "a/1.png", "b/2.png")
    (tmp_path / "a" / "b").symlink_to(tmp_path / "b")
    (tmp_path / "b" / "a").symlink_to(tmp_path / "a")
    found = [id_of(tmp_path, path) for path in image_files(tmp_path)]
    assert found == ["a/1.png", "a/b/2.png", "b/2.png", "b/a/1.png"]


def test_folders_that_cannot_be_opened_are_listed(tmp_path, monkeypatch):
    touch(tmp_path, "a/1.png", "b/2.png")
    scan = os.scandir

    def refuse(path):
        if Path(path).name == "b":
            raise PermissionError(13, "Permission denied", str(path))
        return scan(path)

    monkeypatch.setattr(os, "scandir", refuse)
    found = list_files(tmp_path)
    assert found.closed == [str(tmp_path / "b")]
    assert [path.name for path in found.images] == ["1.png"]


def test_relative_folders_and_none_at_all(tmp_path, monkeypatch):
    touch(tmp_path, "a/1.png")
    monkeypatch.chdir(tmp_path)
    assert [id_of(Path(), path) for path in image_files(Path())] == ["a/1.png"]
    assert image_files(Path("nowhere")) == []


@pytest.mark.parametrize(
    ("name", "hidden"), [(".x", True), ("@eaDir", True), ("Thumbs.db", True), ("thumbs", False)]
)
def test_hidden_names(name, hidden):
    assert is_hidden(name) == hidden


@pytest.mark.parametrize("name", ["a.dcm", "b.IMA", "IM0001", "1.2.840"])
def test_dicom_is_an_image_whatever_its_name(tmp_path, name):
    for file in (name, "DICOMDIR"):
        (tmp_path / file).write_bytes(bytes(128) + b"DICM")
    assert [path.name for path in image_files(tmp_path)] == [name]
