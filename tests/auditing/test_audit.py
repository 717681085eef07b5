import json
import shutil

import numpy as np
import pandas as pd
import pytest
from PIL import Image

import twinlens
from twinlens.auditing.audit import AUDIT, audit_of, inspect
from twinlens.auditing.leakage import parts_of
from twinlens.data.dataset import open_dataset
from twinlens.data.groups import LINKS
from twinlens.data.splits import open_split, split_names
from twinlens.importing.import_images import import_images


@pytest.fixture(scope="module")
def archive(photographs, tmp_path_factory):
    """A folder of 40 photographs, the first two of one patient, and some that are odd."""
    folder = tmp_path_factory.mktemp("archive")
    images = {f"{number:02}": image for number, image in enumerate(photographs[:40])}
    images |= {
        "copy": photographs[5],  # in test, while the original is in train
        "mirror": photographs[6, :, ::-1],  # labelled otherwise
        "unlabelled": photographs[7],
        "blank": np.full((80, 80, 3), 128, dtype=np.uint8),
    }
    rows = ["image,label,group,split,age"]
    for number, (name, image) in enumerate(images.items()):
        Image.fromarray(image).save(folder / f"{name}.png")
        label = {"copy": "y", "mirror": "y", "unlabelled": ""}.get(name, "xy"[number % 2])
        split = {"00": "val", "copy": "test", "unlabelled": "unlabelled"}.get(name, "train")
        split = "test" if number in range(30, 40) else split
        group = "p" if number < 2 else ""
        rows.append(f"{name}.png,{label},{group},{split},{20 + number}")
    (folder / "broken.png").write_text("no image")
    rows.append("broken.png,x,,train,30")
    (folder / "labels.csv").write_text("\n".join(rows) + "\n")
    return folder


@pytest.fixture(scope="module")
def imported(archive, tmp_path_factory):
    return import_images(archive, tmp_path_factory.mktemp("imported") / "data", size=80, workers=1)


@pytest.fixture
def dataset(imported, tmp_path):
    shutil.copytree(imported.path, tmp_path / "data")
    return open_dataset(tmp_path / "data")


@pytest.fixture(scope="module")
def audited(imported, tmp_path_factory):
    """A data set of the archive that was audited without an encoder, and the findings."""
    path = tmp_path_factory.mktemp("audited") / "data"
    shutil.copytree(imported.path, path)
    dataset = open_dataset(path)
    return dataset, inspect(dataset, [open_split(dataset)])


@pytest.fixture(scope="module")
def found(audited):
    return audited[1]


def links_in(findings):
    return {
        (link["a"], link["b"]): (link["found_by"], link["how"], round(link["score"], 2))
        for link in findings["links"]
    }


def test_what_is_found_lies_beside_the_data_set_as_json(audited):
    dataset, found = audited
    assert json.loads((dataset.path / AUDIT).read_text()) == found
    assert {
        "data", "settings", "skipped", "links", "conflicts", "doubtful_labels", "quality",
        "splits", "pretraining", "leaking", "summary", "seconds",
    } <= set(found)  # fmt: skip
    assert found["data"]["images"] == 44
    assert found["data"]["classes"] == {"x": 20, "y": 23}
    assert found["data"]["unlabelled"] == 1
    assert found["data"]["groups_of_several"] == 1
    assert found["doubtful_labels"] is None
    assert found["pretraining"] == []


def test_files_that_were_skipped_are_listed(found):
    (skipped,) = found["skipped"]
    assert skipped["file"] == "broken.png"
    assert skipped["reason"]


def test_copies_are_linked_with_their_labels_and_groups(found):
    links = links_in(found)
    assert links[("05.png", "copy.png")] == ("pixels", "", 1.0)
    assert links[("06.png", "mirror.png")][:2] == ("hash", "mirrored")
    assert links[("07.png", "unlabelled.png")][0] == "pixels"
    assert len(links) == 3
    by_end = {link["b"]: link for link in found["links"]}
    assert (by_end["mirror.png"]["label_a"], by_end["mirror.png"]["label_b"]) == ("x", "y")
    assert by_end["mirror.png"]["group_b"] == "mirror.png"
    assert by_end["unlabelled.png"]["label_b"] is None


def test_what_is_a_copy_of_many_equal_images_is_linked_to_the_first(photographs, data_of):
    images = np.concatenate([photographs[[0, 0, 0, 0]], photographs[:1, :, ::-1], photographs[1:3]])
    links = links_in(inspect(data_of(images), [], keep=False))
    assert {pair: found_by for pair, (found_by, *_) in links.items()} == {
        ("i000", "i001"): "pixels",
        ("i000", "i002"): "pixels",
        ("i000", "i003"): "pixels",
        ("i000", "i004"): "hash",
    }


def test_copies_with_two_labels_are_in_conflict(found):
    (place,) = found["conflicts"]  # a missing label contradicts nothing
    assert found["links"][place]["b"] == "mirror.png"


def test_what_stands_out_in_quality_is_named(found):
    assert {"id": "blank.png", "why": "shows nothing"}.items() <= found["quality"][0].items()


def test_leaks_and_composition_are_told_for_each_split(found):
    split = found["splits"]["imported"]
    assert found["leaking"] is split["leaks"]["leaking"] is True
    assert [straddling["group"] for straddling in split["leaks"]["groups"]] == ["p"]
    (across,) = split["leaks"]["links"]
    assert found["links"][across]["b"] == "copy.png"
    assert split["leaks"]["known"]["test"]["train"] == pytest.approx(1 / 11)
    assert split["composition"]["test"]["images"] == 11
    assert split["composition"]["val"]["attributes"]["age"]["mean"] == 20
    assert split["part_of_linked"] == {
        "05.png": "train", "copy.png": "test", "06.png": "train", "mirror.png": "train",
        "07.png": "train", "unlabelled.png": "unlabelled",
    }  # fmt: skip
    assert "LEAKS" in found["summary"][0]


def test_later_splits_keep_linked_images_together(dataset):
    ends = np.flatnonzero(dataset.table["id"].isin(["06.png", "mirror.png"]))

    def straddling(name):
        splits = twinlens.split(dataset.path, val=0.3, test=0.3, repeats=8, name=name)
        return [parts_of(dataset, split)[ends].nunique() > 1 for split in splits]

    assert any(straddling("before"))
    inspect(dataset, [])
    assert not any(straddling("after"))
    links = pd.read_parquet(dataset.path / LINKS)
    assert links["b"].tolist() == ["copy.png", "unlabelled.png", "mirror.png"]


def test_an_audit_can_be_repeated(found, dataset):
    again = inspect(dataset, [open_split(dataset)])
    changed = {key for key in found if found[key] != again[key]}
    assert changed <= {"data", "seconds"}
    assert again["data"] | {"path": ""} == found["data"] | {"path": ""}


def test_with_a_pretraining_labels_are_compared_and_its_images_looked_for(dataset, pretrained):
    run = pretrained[1]
    findings = inspect(dataset, [open_split(dataset)], pretrained=[run], device="cpu")
    assert findings["settings"]["features"] == str(run)
    assert isinstance(findings["doubtful_labels"], list)
    assert links_in(findings)[("06.png", "mirror.png")][0] == "hash"
    (pretraining,) = findings["pretraining"]
    assert pretraining["run"] == str(run)
    assert set(pretraining["seen"]["imported"]) == {"val", "test"}
    assert json.loads((dataset.path / AUDIT).read_text()) == findings


def test_a_label_that_its_neighbours_contradict_is_reported_with_names(dataset, monkeypatch):
    features = np.repeat([[0.0], [1.0]], 22, axis=0)
    table = dataset.table.assign(label=["x"] * 21 + ["y"] * 23)
    monkeypatch.setattr("twinlens.auditing.audit.features_of", lambda *_, **__: (features, "mine"))
    monkeypatch.setattr(dataset, "table", table)
    (doubt,) = inspect(dataset, [])["doubtful_labels"]
    expected = {"id": table["id"][21], "label": "y", "neighbours": "x", "agreement": 1.0}
    assert doubt == expected


def test_a_table_alone_is_audited_for_its_groups(archive, tmp_path):
    table = import_images(archive, tmp_path / "data", table_only=True)
    findings = inspect(table, [open_split(table)])
    assert findings["data"]["table_only"] is True
    assert findings["links"] == findings["conflicts"] == []
    assert findings["quality"] is findings["doubtful_labels"] is None
    assert findings["settings"]["features"] is None
    assert [
        straddling["group"] for straddling in findings["splits"]["imported"]["leaks"]["groups"]
    ] == ["p"]
    assert any("table alone" in sentence for sentence in findings["summary"])
    assert json.loads((table.path / AUDIT).read_text()) == findings
    assert len(twinlens.split(table.path, name="after")[0].rows["test"])


def test_one_image_without_split_or_label_can_be_audited(photographs, data_of, pretrained):
    findings = inspect(data_of(photographs[:1]), [], pretrained=[pretrained[1]], device="cpu")
    assert findings["links"] == findings["quality"] == findings["doubtful_labels"] == []
    assert findings["leaking"] is False


def test_a_leaking_split_is_repaired_once(dataset):
    split = open_split(dataset)
    found = inspect(dataset, [split], fix=True)
    assert found["leaking"] is True  # the old split still does
    assert found["repaired"]["imported"]["split"] == "imported-fixed"
    assert not found["splits"]["imported-fixed"]["leaks"]["leaking"]
    assert any("repairs 'imported'" in sentence for sentence in found["summary"])
    fixed = open_split(dataset, "imported-fixed")
    again = inspect(dataset, [open_split(dataset, "imported"), fixed], fix=True)
    assert set(again["splits"]) == {"imported", "imported-fixed"}
    alone = inspect(dataset, [fixed], fix=True)
    assert alone["leaking"] is False
    assert sorted(path.stem for path in (dataset.path / "splits").glob("*.json")) == [
        "imported",
        "imported-fixed",
    ]


def test_an_audit_need_not_be_kept(dataset):
    inspect(dataset, [open_split(dataset)], keep=False)
    assert not (dataset.path / "audit").exists()


def test_the_findings_on_one_split_are_those_of_the_whole_audit(dataset, found, monkeypatch):
    imported = open_split(dataset)
    alone = audit_of(dataset, imported)
    assert not (dataset.path / "audit").exists()
    assert alone["splits"] == found["splits"]
    assert alone["links"] == found["links"]
    (other,) = twinlens.split(dataset.path, val=0.2, test=0.2, name="other")
    expected = inspect(dataset, [other], keep=False)
    inspect(dataset, [imported])
    monkeypatch.setattr("twinlens.auditing.audit.near_duplicates", None)  # the links are known
    for split, whole in ((imported, found), (other, expected)):
        alone = audit_of(dataset, split)
        for key in ("splits", "leaking", "summary", "links"):
            assert alone[key] == whole[key]


def test_a_clean_repair_serves_again_and_what_an_encoder_found_is_kept(dataset, monkeypatch):
    features = np.random.default_rng(0).normal(size=(len(dataset.table), 8)).astype(np.float32)
    features[1] = features[0] * 1.001
    found_by = "twinlens.auditing.audit.features_of"
    monkeypatch.setattr(found_by, lambda *_, **__: (features, "mine"))
    first = inspect(dataset, [open_split(dataset, "imported")], fix=True)
    monkeypatch.setattr(found_by, lambda *_, **__: (None, None))
    second = inspect(dataset, [open_split(dataset, "imported")], fix=True)
    assert any(link["found_by"] == "embedding" for link in first["links"])
    for key in ("links", "doubtful_labels", "settings", "splits", "repaired"):
        assert second[key] == first[key]
    assert split_names(dataset) == ["imported", "imported-fixed"]
