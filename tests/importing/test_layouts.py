"""Layouts in which people keep their images: each is read rightly, or said not to be."""

import os
from dataclasses import dataclass, field

import numpy as np
import pytest
from PIL import Image

from twinlens.data.splits import open_split, split_names
from twinlens.importing.import_images import import_images
from twinlens.splitting.split import split as make_split


@dataclass(frozen=True)
class Layout:
    """Files of images, texts of other files, and what a data set of them must be.

    Attributes:
        images: Paths of images.
        classes: Number of images by class.
        texts: Content by path of other files.
        split: Number of images in train, val and test; None: no split with labels.
        unlabelled: Number of images without label.
        words: What the summary must say; nothing at all where there are none.
    """

    images: list[str]
    classes: dict[str, int]
    texts: dict[str, str] = field(default_factory=dict)
    split: tuple[int, int, int] | None = None
    unlabelled: int = 0
    words: tuple[str, ...] = ()


def places(*folders, number=2):
    return [f"{folder}/{image}.png" for folder in folders for image in range(number)]


def table(*labels, header="image,label"):
    rows = (f"{number}.png,{label}" for number, label in enumerate(labels))
    return {"labels.csv": "\n".join((header, *rows, ""))}


def numbered(count):
    return [f"img/{number}.png" for number in range(count)]


LAYOUTS = {
    "roboflow": Layout(
        places("train/a", "train/b", "valid/a", "valid/b", "test/a", "test/b"),
        {"a": 6, "b": 6},
        split=(4, 4, 4),
    ),
    "brain tumours": Layout(
        places("Training/glioma", "Training/none", "Testing/glioma"),
        {"glioma": 4, "none": 2},
        split=(4, 0, 2),
    ),
    "splits in each class": Layout(
        places("a/train", "a/test", "b/train", "b/Holdout"), {"a": 4, "b": 4}, split=(4, 0, 4)
    ),
    "pneumonia, twice and with leftovers of a Mac": Layout(
        places("x/x/train/a", "x/train/a", "x/train/b", "x/val/b", "x/__MACOSX/train/a"),
        {"a": 2, "b": 4},
        split=(4, 2, 0),
        words=(
            "Images beside what was read: x 2.",
            "Hidden folders and those of systems: __MACOSX",
        ),
    ),
    "folders beside the splits": Layout(
        places("train/a", "test/b", "figures"),
        {"a": 2, "b": 2},
        split=(2, 0, 2),
        words=("beside what was read: figures 2. To use such a folder, pass it as another SOURCE",),
    ),
    "Unlabeled, and a split's name beside the classes": Layout(
        places("a", "b", "Unlabeled", "train"),
        {"a": 2, "b": 2},
        unlabelled=4,
        words=("named like splits are never classes, so what lies in train has no label",),
    ),
    "system folders": Layout(
        places("a", "b", "@eaDir", "a/@eaDir", ".thumbnails", "lost+found", "$RECYCLE.BIN"),
        {"a": 2, "b": 2},
        words=("$RECYCLE.BIN, .thumbnails, @eaDir, lost+found.",),
    ),
    "formats that cannot be read": Layout(
        places("a", "b"),
        {"a": 2, "b": 2},
        texts={"a/x.HEIC": "-", "c/y.heic": "-", "c/z.jxl": "-"},
        words=(
            "cannot be read: 3 (.heic 2, .jxl 1), such as a/x.HEIC. Convert",
            "Folders of which no image could be read: c.",
            "3 skipped",
        ),
    ),
    "derm7pt": Layout(
        places("images/NEL"),
        {"NEL": 2},
        texts={"meta/meta.csv": "derm,diagnosis\n", "README.md": "-"},
        words=(
            "Tables that were not read: meta/meta.csv. To take labels from one, pass it as SOURCE",
            "All labels are 'NEL'",
            "Other files: 1 (.md 1), such as README.md.",
        ),
    ),
    "PH2, a folder a case": Layout(
        [
            f"images/IMD{case}/IMD{case}_{what}.png"
            for case in range(6)
            for what in ("image", "lesion", "roi/IMD_R1")
        ],
        {f"IMD{case}": 1 for case in range(6)},
        words=("Masks, as their names say: 12", "look like cases, not classes. Pass --kind unlab"),
    ),
    "masks of ISIC and BUSI": Layout(
        ["a/1.png", "a/1_segmentation.png", "b/2.png", "b/2_superpixels.png", "b/2_mask_1.png"],
        {"a": 1, "b": 1},
        words=("Masks, as their names say: 3, such as a/1_segmentation.png.",),
    ),
    "nothing but masks": Layout(places("with_mask", "no_mask"), {"with_mask": 2, "no_mask": 2}),
    "images and masks of equal names": Layout(
        places("images", "masks"),
        {"x": 1, "y": 1},
        texts={"labels.csv": "image,label\n0,x\n1,y\n"},
        words=("Masks, as their names say: 2",),
    ),
    "jsonl beside the images": Layout(
        places("train"),
        {},
        texts={"train/metadata.jsonl": "{}"},
        unlabelled=2,
        words=("Tables that were not read: train/metadata.jsonl", "save another format than CSV"),
    ),
    "a table that misses images": Layout(
        numbered(4),
        {"x": 1, "y": 1},
        texts=table("x", "y"),
        words=("Images that the table does not name: 2, such as img/2.png.",),
    ),
    "spellings": Layout(
        numbered(4),
        {"Melanoma": 1, "melanoma": 1, "MELANOMA": 1, "nevus": 1},
        texts=table("Melanoma", "melanoma ", " MELANOMA", "nevus"),
        words=("only in their spelling", "'MELANOMA' = 'Melanoma' = 'melanoma'"),
    ),
    "several labels an image": Layout(
        numbered(3),
        {"A|B": 1, "A": 1, "none": 1},
        texts=table("A|B", "A", "none"),
        words=("'A|B' look like several classes of one image, which is not supported",),
    ),
    "one-hot columns": Layout(
        numbered(2),
        {},
        texts=table("1.0,0.0", "0.0,1.0", header="image,MEL,NV"),
        unlabelled=2,
        words=("columns MEL, NV look like one-hot classes and were NOT read", "with --label"),
    ),
    "columns of several labels": Layout(
        numbered(2),
        {},
        texts=table("1,1,0", "0,0,1", header="image,A,B,C"),
        unlabelled=2,
        words=("columns A, B, C look like several labels for each image, which is not supported",),
    ),
    "a quantity": Layout(
        numbered(6),
        {str(number / 4): 1 for number in range(6)},
        texts=table(*(number / 4 for number in range(6))),
        words=("6 different numbers, from 0 to 1.25", "(regression), which is not supported"),
    ),
    "numbers as classes": Layout(
        numbered(4),
        {"0": 2, "1": 2},
        texts=table(0, 1, 0, 1),
        words=("classes are numbers (0, 1): give them titles with --classes",),
    ),
    "a placeholder as group": Layout(
        numbered(6),
        {"a": 3, "b": 3},
        texts=table(
            *("a,N/A", "b,N/A", "a,P1", "b,P1", "a,P2", "b,P3"), header="image,label,group"
        ),
        words=("The group 'N/A' of 2 images looks like 'not known'", "leave such cells blank"),
    ),
    "a group that holds most images": Layout(
        numbered(6),
        {"a": 3, "b": 3},
        texts=table(*("a,P1", "b,P1", "a,P1", "b,P1", "a,P2", "b,P3"), header="image,label,group"),
        words=("The group 'P1' holds 4 of 6 images, and no split divides a group",),
    ),
    "a number too large that nobody uses": Layout(
        numbered(2),
        {"a": 1, "b": 1},
        texts=table(f"a,{10**21}", f"b,{10**21 + 1}", header="image,label,accession"),
    ),
}


@pytest.fixture
def build(tmp_path, draw):
    def to_folder(layout, name="in"):
        folder = tmp_path / name
        for number, place in enumerate(layout.images):
            draw(folder / place, number)
        for place, text in layout.texts.items():
            (folder / place).parent.mkdir(parents=True, exist_ok=True)
            (folder / place).write_text(text)
        return folder

    return to_folder


@pytest.mark.parametrize("name", LAYOUTS)
def test_layouts_are_read_or_said_not_to_be(name, build, tmp_path, capsys):
    layout = LAYOUTS[name]
    data = import_images(build(layout), tmp_path / "data", size=8)
    printed = capsys.readouterr().err
    assert data.table["label"].value_counts().to_dict() == layout.classes
    assert (data.labels < 0).sum() == layout.unlabelled
    for words in layout.words:
        assert words in printed
    assert bool(layout.words) == bool(data.record.notes)
    for note in data.record.notes:
        assert f"\n  {note.text}\n" in printed
    assert bool(layout.split) == ("imported" in split_names(data)) or not layout.classes
    if layout.split:
        parts = open_split(data).rows
        assert tuple(len(parts[part]) for part in ("train", "val", "test")) == layout.split


def test_folders_that_are_links_are_followed_but_not_in_circles(tmp_path, draw):
    for number, place in enumerate(places("elsewhere/a", "in/b")):
        draw(tmp_path / place, number)
    (tmp_path / "in" / "a").symlink_to(tmp_path / "elsewhere" / "a")
    (tmp_path / "in" / "b" / "up").symlink_to(tmp_path / "in")
    (tmp_path / "elsewhere" / "a" / "self").symlink_to(".")
    data = import_images(tmp_path / "in", tmp_path / "data", size=8)
    assert data.table["id"].tolist() == ["a/0.png", "a/1.png", "b/0.png", "b/1.png"]


def test_names_that_are_not_utf_8_are_read_as_latin_1(tmp_path, draw):
    name = os.fsdecode(b"\xff.png")
    for number, folder in enumerate((os.fsdecode(b"n\xe6vus"), "mélanome")):
        draw(tmp_path / "in" / folder / "x.png", number).rename(tmp_path / "in" / folder / name)
    data = import_images(tmp_path / "in", tmp_path / "data", size=8)
    assert data.table["id"].tolist() == ["mélanome/ÿ.png", "nævus/ÿ.png"]
    assert data.classes == ["mélanome", "nævus"]
    (tmp_path / "in" / "labels.csv").write_text("image,label\nnævus/ÿ.png,NV\nÿ.png,MEL\n")
    data = import_images(tmp_path / "in", tmp_path / "table", size=8)
    assert data.table["label"].tolist() == ["NV"]
    assert data.record.skipped == 1


def test_a_data_set_inside_the_folder_is_not_taken_for_a_part_of_it(class_folder):
    import_images(class_folder, class_folder / "data", size=8)
    again = import_images(class_folder, class_folder / "data", size=8, overwrite=True)
    assert not again.record.notes
    assert len(again.table) == 6


@pytest.mark.parametrize("dtype", [np.uint16, np.int32])
def test_images_of_12_bits_in_more_are_neither_dark_nor_flat(dtype, tmp_path, capsys):
    rng = np.random.default_rng(0)
    for number, name in enumerate(("a", "b")):
        (tmp_path / "in" / name).mkdir(parents=True)
        pixels = rng.integers(0, 4096 // (number + 1), (16, 16)).astype(dtype)
        Image.fromarray(pixels).save(tmp_path / "in" / name / "1.tif")
    data = import_images(tmp_path / "in", tmp_path / "data", size=16)
    assert "grey levels from 0 to 4,095" in capsys.readouterr().err
    assert np.abs(data.images.mean(axis=(1, 2, 3)) - [127, 64]).max() < 6


def test_labelled_and_unlabelled_sources_train_without_naming_a_split(build, tmp_path):
    """The main flow: the unlabelled images make no split of their own."""
    labelled = build(LAYOUTS["numbers as classes"])
    pool = build(Layout(["0.png", "1.png"], {}, texts={"notes.md": "-"}), "pool")
    data = import_images([labelled, pool], tmp_path / "data", size=8)
    assert data.record.notes[0].text.startswith("pool: Other files: 1 (.md 1)")
    assert not split_names(data)
    made = make_split(data.path, per_class=1, val=0, test=0.5)[0]
    assert open_split(data).name == made.name
    alone = import_images(pool, tmp_path / "alone", size=8)
    assert open_split(alone).rows["unlabelled"].tolist() == [0, 1]


def test_adding_keeps_what_was_found_and_looks_at_all_labels_again(build, tmp_path):
    first = build(Layout(["a/0.png", "a/1.png"], {}, texts={"a/notes.md": "-"}))
    data = import_images(first, tmp_path / "data", size=8)
    assert [note.kind for note in data.record.notes] == ["file", "class"]
    more = build(Layout(["b/2.png", "A/3.png"], {}, texts={"b/t.csv": "-"}), "more")
    notes = import_images(more, tmp_path / "data", size=8, add=True).record.notes
    assert [note.kind for note in notes] == ["file", "table", "class"]
    assert "'A' = 'a'" in notes[-1].text
