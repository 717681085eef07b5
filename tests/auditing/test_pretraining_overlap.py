import json
import shutil

import numpy as np
import pandas as pd
import pytest

from twinlens.auditing.pretraining_overlap import seen_in_pretraining
from twinlens.data.dataset import open_dataset
from twinlens.data.splits import open_split, unlabelled_rows, write_split
from twinlens.errors import UserError
from twinlens.importing.import_images import import_images

NONE = pd.DataFrame({"a": [], "b": []}, dtype="str")


def seen_by(run, dataset, *splits, links=NONE):
    found = seen_in_pretraining(dataset, splits, run, links)
    assert json.loads(json.dumps(found)) == found
    assert found["run"] == str(run)
    return found


def split_with(dataset, name="other", **rows_of_part):
    parts = np.full(len(dataset.table), None, dtype=object)
    for part, rows in rows_of_part.items():
        parts[rows] = part
    return write_split(dataset.path, name, parts, {"how": "by hand"})


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
    assert seen_by(run, dataset, split) == {
        "run": str(run),
        "images": len(unlabelled_rows(split)),
        "seen": {
            split.name: {
                part: {"images": len(split.rows[part]), "same": 0, "copy": 0}
                for part in ("val", "test")
            }
        },
    }


def test_test_images_of_another_split_were_seen_and_so_were_their_siblings(moved):
    dataset, run = moved
    imported = open_split(dataset)
    known, unknown = unlabelled_rows(imported), imported.rows["test"]
    split = split_with(dataset, test=[*known[:7], *unknown[:5]], val=[*known[7:9], *unknown[5:8]])
    found = seen_by(run, dataset, imported, split)["seen"]
    assert found["imported"]["test"]["same"] == 0
    assert found["other"] == {
        "test": {"images": 12, "same": 7, "copy": 0},
        "val": {"images": 5, "same": 2, "copy": 0},
    }
    ids = dataset.table["id"].to_numpy()
    links = pd.DataFrame({"a": ids[unknown[[0, 6]]], "b": ids[known[[20, 7]]]})
    found = seen_by(run, dataset, split, links=links)["seen"]["other"]
    unknown_groups = dataset.table["group"].iloc[unknown]
    alike = unknown_groups.isin(unknown_groups.iloc[[0, 6]])
    assert found["test"] == {"images": 12, "same": 7, "copy": int(alike[:5].sum())}
    assert found["val"] == {"images": 5, "same": 2, "copy": int(alike[5:8].sum())}
    assert found["test"]["copy"] >= 1 <= found["val"]["copy"]


def test_a_data_set_that_grew_is_still_known(moved, class_folder):
    dataset, run = moved
    before = seen_by(run, dataset, open_split(dataset))
    grown = import_images(class_folder, dataset.path, add=True)
    assert len(grown.table) == len(dataset.table) + 6
    assert seen_by(run, grown, open_split(grown)) == before
    known = unlabelled_rows(open_split(grown))[:4]
    split = split_with(grown, test=[*known, len(grown.table) - 1])
    found = seen_by(run, grown, split)["seen"]["other"]
    assert found["test"] == {"images": 5, "same": 4, "copy": 0}


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
    found = seen_by(run, dataset, own)
    assert found["images"] == len(unlabelled_rows(split))
    assert found["seen"]["other"]["test"] == {"images": 10, "same": 0, "copy": 5}
    links = pd.DataFrame({"a": ["i009"], "b": ["i000"]})
    found = seen_by(run, dataset, own, links=links)
    assert found["seen"]["other"]["test"]["copy"] == 6


def test_of_an_unrelated_table_alone_nothing_can_be_told(moved, dataset_of, tmp_path):
    theirs, run = moved
    known = theirs.table["id"].iloc[unlabelled_rows(open_split(theirs))[:2]]
    dataset = dataset_of(tmp_path / "table", ["x"] * 3, ids=[*known, "new"])
    found = seen_by(run, dataset, split_with(dataset, test=range(3)))
    assert found["unknown"] == f"Without images, those that {run} saw cannot be told."


def test_a_pretraining_whose_images_are_gone_is_said_to_be_unknown(moved, tmp_path):
    theirs, run = moved
    dataset = import_images("phantom:20", tmp_path / "mine", size=16)
    split = open_split(dataset)
    (theirs.path / "splits" / "imported.json").rename(tmp_path / "kept")
    assert "has no split yet" in seen_by(run, dataset, split)["unknown"]
    shutil.rmtree(theirs.path)
    found = seen_by(run, dataset, split)
    assert found["unknown"].startswith(f"What {run} was trained on cannot be opened: ")
    assert "seen" not in found
    import_images("phantom:30", theirs.path, size=16)
    found = seen_by(run, dataset, split)
    assert found["unknown"] == f"{theirs.path} is no longer what {run} was trained on."


def test_what_is_no_pretraining_is_refused(moved, tmp_path):
    dataset, run = moved
    with pytest.raises(UserError, match="is not a finished run"):
        seen_by(tmp_path, dataset)
    record = json.loads((run / "run.json").read_text()) | {"kind": "train"}
    (run / "run.json").write_text(json.dumps(record))
    with pytest.raises(UserError, match="is a 'train' run: name a pretraining run"):
        seen_by(run, dataset)
