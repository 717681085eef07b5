import json
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from twinlens.auditing.audit import inspect
from twinlens.auditing.pretraining_overlap import find_overlap
from twinlens.data.dataset import open_dataset
from twinlens.data.splits import open_split, unlabelled_rows, write_split
from twinlens.importing.import_images import import_images
from twinlens.pretraining.pretrain import pretrain
from twinlens.pretraining.seen_images import SEEN
from twinlens.records.split import ImportedSplit
from twinlens.records.split_audit import SeenImages
from twinlens.requests.audit import AuditRequest

NONE = pd.DataFrame({"a": [], "b": []}, dtype="str")


def overlap_of(run, dataset, *splits, links=NONE):
    overlap = find_overlap(dataset, splits, run, links)
    assert overlap.run == str(run)
    return overlap


def seen(images, same=0, copies=0):
    return SeenImages(images=images, same=same, copies=copies)


def split_with(dataset, name="other", **rows_of_part):
    parts = np.full(len(dataset.table), None, dtype=object)
    for part, rows in rows_of_part.items():
        parts[rows] = part
    return write_split(dataset.path, name, parts, ImportedSplit())


@pytest.fixture
def moved(pretrained, tmp_path):
    """A data set of its own with a pretraining on its imported split."""
    source, run = pretrained
    data, copy = tmp_path / "data", tmp_path / "run"
    shutil.copytree(source, data)
    shutil.copytree(run, copy)
    record = json.loads((copy / "run.json").read_text())
    record["data"]["path"] = str(data)
    (copy / "run.json").write_text(json.dumps(record))
    return open_dataset(data), copy


def test_on_its_own_split_a_pretraining_saw_no_test_image(moved):
    dataset, run = moved
    split = open_split(dataset)
    overlap = overlap_of(run, dataset, split)
    assert (overlap.images, overlap.unknown) == (len(unlabelled_rows(split)), None)
    assert overlap.seen == {
        split.name: {part: seen(len(split.rows[part])) for part in ("val", "test")}
    }


def test_test_images_of_another_split_were_seen_and_so_were_their_siblings(moved):
    dataset, run = moved
    imported = open_split(dataset)
    known, unknown = unlabelled_rows(imported), imported.rows["test"]
    split = split_with(dataset, test=[*known[:7], *unknown[:5]], val=[*known[7:9], *unknown[5:8]])
    found = overlap_of(run, dataset, imported, split).seen
    assert found["imported"]["test"].same == 0
    assert found["other"] == {
        "test": seen(12, 7, 0),
        "val": seen(5, 2, 0),
    }
    ids = dataset.table["id"].to_numpy()
    links = pd.DataFrame({"a": ids[unknown[[0, 6]]], "b": ids[known[[20, 7]]]})
    found = overlap_of(run, dataset, split, links=links).seen["other"]
    unknown_groups = dataset.table["group"].iloc[unknown]
    alike = unknown_groups.isin(unknown_groups.iloc[[0, 6]])
    assert found["test"] == seen(12, 7, int(alike[:5].sum()))
    assert found["val"] == seen(5, 2, int(alike[5:8].sum()))
    assert found["test"].copies >= 1 <= found["val"].copies


def test_a_data_set_that_grew_is_still_known(moved, class_folder):
    dataset, run = moved
    before = overlap_of(run, dataset, open_split(dataset))
    grown = import_images(class_folder, dataset.path, add=True)
    assert len(grown.table) == len(dataset.table) + 6
    assert overlap_of(run, grown, open_split(grown)) == before
    known = unlabelled_rows(open_split(grown))[:4]
    split = split_with(grown, test=[*known, len(grown.table) - 1])
    found = overlap_of(run, grown, split).seen["other"]
    assert found["test"] == seen(5, 4, 0)


def test_copies_in_another_data_set_are_found(moved, data_of, reencoded):
    theirs, run = moved
    split = open_split(theirs)
    groups = theirs.table["group"]
    alone = ~groups.duplicated(keep=False).to_numpy()
    known = [row for row in unlabelled_rows(split) if alone[row]][:8]
    unknown = [row for row in split.rows["test"] if alone[row]][:6]
    images = np.concatenate([
        reencoded(theirs.images[known[:4]], quality=90),
        theirs.images[known[4:], :, ::-1],
        theirs.images[unknown],
    ])  # fmt: skip
    own_groups = ["p", *"abcdefg", "p", *"hijkl"]  # the first copy has a sibling, image 8
    dataset = data_of(images, ["x"] * 14, own_groups, name="mine")
    own = split_with(dataset, train=range(4), test=range(4, 14))
    found = overlap_of(run, dataset, own)
    assert found.images == len(unlabelled_rows(split))
    assert found.seen["other"]["test"] == seen(10, 0, 5)
    links = pd.DataFrame({"a": ["i009"], "b": ["i000"]})
    found = overlap_of(run, dataset, own, links=links)
    assert found.seen["other"]["test"].copies == 6


def test_of_an_unrelated_table_alone_nothing_can_be_told(moved, dataset_of, tmp_path):
    theirs, run = moved
    known = theirs.table["id"].iloc[unlabelled_rows(open_split(theirs))[:2]]
    dataset = dataset_of(tmp_path / "table", ["x"] * 3, ids=[*known, "new"])
    found = overlap_of(run, dataset, split_with(dataset, test=range(3)))
    assert found.unknown == f"Without images, {dataset.path} and {theirs.path} cannot be compared."


def test_a_pretraining_whose_images_are_gone_is_said_to_be_unknown(moved, tmp_path):
    theirs, run = moved
    dataset = import_images("phantom:20", tmp_path / "mine", size=16)
    split = open_split(dataset)
    (run / SEEN).unlink()
    (theirs.path / "splits" / "imported.json").rename(tmp_path / "kept")
    assert "has no split yet" in overlap_of(run, dataset, split).unknown
    shutil.rmtree(theirs.path)
    found = overlap_of(run, dataset, split)
    assert found.unknown.startswith(f"The training data of {run} cannot be opened: ")
    assert found.seen is None
    import_images("phantom:30", theirs.path, size=16)
    found = overlap_of(run, dataset, split)
    assert found.unknown == f"{theirs.path} has changed since {run} was trained on it."


@pytest.mark.parametrize("there", [True, False])
def test_the_same_photographs_at_another_size_are_found(two_sizes, tmp_path, there):
    """By their hashes, also where the images that the pretraining saw are gone."""
    smaller, larger = (Path(shutil.copytree(p, tmp_path / p.name)) for p in two_sizes)
    settings = {"epochs": 0, "projector_epochs": 0, "batch_size": 32, "projector": [8]}
    run = pretrain(
        smaller, tmp_path / "run", encoder="resnet18_quarter", device="cpu",
        settings=settings | {"monitor_points": 0},
    )  # fmt: skip
    if not there:
        shutil.rmtree(smaller)
    dataset = open_dataset(larger)
    findings = inspect(dataset, [open_split(dataset)], AuditRequest(larger, pretrained=(run,)))
    found = findings.pretraining[0].seen["imported"]
    assert (found["test"].same, found["val"]) == (20, seen(20))
    assert any("saw 20 of the 40 test images of split 'imported'" in w for w in findings.warnings)
