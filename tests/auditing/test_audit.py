import shutil

import numpy as np
import pandas as pd
import pytest
from PIL import Image

import twinlens
from twinlens.auditing.audit import AUDIT, inspect, inspect_split, write_findings
from twinlens.auditing.leakage import part_of_each
from twinlens.data.dataset import open_dataset
from twinlens.data.groups import LINKS, links_of
from twinlens.data.splits import open_split, split_names
from twinlens.importing.import_images import import_images
from twinlens.records.audit import AuditFindings, SuspectedLabelError
from twinlens.requests.audit import AuditRequest


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
    findings = inspect(dataset, [open_split(dataset)])
    write_findings(dataset, findings)
    return dataset, findings


@pytest.fixture(scope="module")
def findings(audited):
    return audited[1]


def fix(dataset):
    return AuditRequest(dataset.path, fix=True)


def links_in(findings):
    return {
        (link.a, link.b): (link.found_by, link.transformation, round(link.score, 2))
        for link in findings.links
    }


def test_the_findings_are_stored_with_the_data_set(audited):
    dataset, findings = audited
    assert AuditFindings.read(dataset.path / AUDIT) == findings
    assert findings.data.images == 44
    assert findings.data.classes == {"x": 20, "y": 23}
    assert findings.data.unlabelled == 1
    assert findings.data.multi_image_groups == 1
    assert findings.suspected_label_errors is None
    assert findings.pretraining == []


def test_files_that_were_skipped_are_listed(findings):
    (skipped,) = findings.skipped
    assert skipped.file == "broken.png"
    assert skipped.reason


def test_copies_are_linked_with_their_labels_and_groups(findings):
    links = links_in(findings)
    assert links[("05.png", "copy.png")] == ("pixels", "", 1.0)
    assert links[("06.png", "mirror.png")][:2] == ("hash", "mirrored")
    assert links[("07.png", "unlabelled.png")][0] == "pixels"
    assert len(links) == 3
    by_end = {link.b: link for link in findings.links}
    assert (by_end["mirror.png"].label_a, by_end["mirror.png"].label_b) == ("x", "y")
    assert by_end["mirror.png"].group_b == "mirror.png"
    assert by_end["unlabelled.png"].label_b is None


def test_copies_with_two_labels_are_in_conflict(findings):
    (position,) = findings.conflicts  # a missing label contradicts nothing
    assert findings.links[position].b == "mirror.png"


def test_outliers_in_quality_are_listed(findings):
    worst = findings.outliers[0]
    assert (worst.id, worst.reason) == ("blank.png", "shows nothing")


def test_leaks_and_composition_are_those_of_the_split(findings):
    split = findings.splits["imported"]
    assert findings.leaking is split.leaks.leaking is True
    assert [straddling.group for straddling in split.leaks.groups] == ["p"]
    (across,) = split.leaks.links
    assert findings.links[across].b == "copy.png"
    assert split.leaks.contamination["test"].train == pytest.approx(1 / 11)
    assert split.composition["test"].images == 11
    assert split.composition["val"].attributes["age"].mean == 20
    assert split.linked_images == {
        "05.png": "train", "copy.png": "test", "06.png": "train", "mirror.png": "train",
        "07.png": "train", "unlabelled.png": "unlabelled",
    }  # fmt: skip
    assert "LEAKS" in findings.summary[0]


def test_later_splits_keep_linked_images_together(dataset):
    ends = np.flatnonzero(dataset.table["id"].isin(["06.png", "mirror.png"]))

    def straddling(name):
        splits = twinlens.split(dataset.path, val=0.3, test=0.3, repeats=8, name=name)
        return [part_of_each(dataset, split)[ends].nunique() > 1 for split in splits]

    assert any(straddling("before"))
    write_findings(dataset, inspect(dataset, []))
    assert not any(straddling("after"))
    links = pd.read_parquet(dataset.path / LINKS)
    assert links["b"].tolist() == ["copy.png", "unlabelled.png", "mirror.png"]


def test_an_audit_can_be_repeated(findings, dataset):
    again = inspect(dataset, [open_split(dataset)])
    update = {"data": findings.data, "seconds": findings.seconds}
    assert again.data == findings.data.model_copy(update={"path": str(dataset.path)})
    assert again.model_copy(update=update) == findings


def test_with_a_pretraining_labels_are_compared_and_its_images_looked_for(dataset, pretrained):
    run = pretrained[1]
    request = AuditRequest(dataset.path, pretrained=(run,), device="cpu")
    findings = inspect(dataset, [open_split(dataset)], request)
    assert findings.settings.encoder == str(run)
    assert isinstance(findings.suspected_label_errors, list)
    assert links_in(findings)[("06.png", "mirror.png")][0] == "hash"
    (overlap,) = findings.pretraining
    assert overlap.run == str(run)
    assert set(overlap.seen["imported"]) == {"val", "test"}


def test_a_label_that_its_neighbours_contradict_is_reported_with_names(dataset, monkeypatch):
    features = np.repeat([[0.0], [1.0]], 22, axis=0)
    table = dataset.table.assign(label=["x"] * 21 + ["y"] * 23)
    monkeypatch.setattr("twinlens.auditing.audit.compute_features", lambda *_: (features, "mine"))
    monkeypatch.setattr(dataset, "table", table)
    assert inspect(dataset, []).suspected_label_errors == [
        SuspectedLabelError(id=table["id"][21], label="y", suggested="x", agreement=1.0)
    ]


def test_a_table_alone_is_audited_for_its_groups(archive, tmp_path):
    table = import_images(archive, tmp_path / "data", table_only=True)
    findings = inspect(table, [open_split(table)])
    assert findings.data.table_only is True
    assert findings.links == findings.conflicts == []
    assert findings.outliers is findings.suspected_label_errors is None
    assert findings.settings.encoder is None
    assert [g.group for g in findings.splits["imported"].leaks.groups] == ["p"]
    assert any("table without images" in sentence for sentence in findings.summary)
    write_findings(table, findings)
    assert AuditFindings.read(table.path / AUDIT) == findings
    assert len(twinlens.split(table.path, name="after")[0].rows["test"])


def test_one_image_without_split_or_label_can_be_audited(photographs, data_of, pretrained):
    dataset = data_of(photographs[:1])
    request = AuditRequest(dataset.path, pretrained=pretrained[1:], device="cpu")
    findings = inspect(dataset, [], request)
    assert findings.links == findings.outliers == findings.suspected_label_errors == []
    assert findings.leaking is False
    write_findings(dataset, findings)
    assert links_of(dataset).empty


def test_a_leaking_split_is_repaired_once(dataset):
    findings = inspect(dataset, [open_split(dataset)], fix(dataset))
    assert findings.leaking is True  # the old split still does
    assert findings.repairs["imported"].split == "imported-fixed"
    assert not findings.splits["imported-fixed"].leaks.leaking
    assert any("repairs 'imported'" in sentence for sentence in findings.summary)
    fixed = open_split(dataset, "imported-fixed")
    again = inspect(dataset, [open_split(dataset, "imported"), fixed], fix(dataset))
    assert set(again.splits) == {"imported", "imported-fixed"}
    assert inspect(dataset, [fixed], fix(dataset)).leaking is False
    assert split_names(dataset) == ["imported", "imported-fixed"]


def test_the_findings_on_one_split_are_those_of_the_whole_audit(dataset, findings, monkeypatch):
    imported = open_split(dataset)
    alone = inspect_split(dataset, imported)
    assert not (dataset.path / "audit").exists()
    assert alone.splits == findings.splits
    assert alone.links == findings.links
    (other,) = twinlens.split(dataset.path, val=0.2, test=0.2, name="other")
    expected = inspect(dataset, [other])
    write_findings(dataset, inspect(dataset, [imported]))
    monkeypatch.setattr("twinlens.auditing.audit.find_links", None)  # the links are known
    for split, whole in ((imported, findings), (other, expected)):
        alone = inspect_split(dataset, split)
        for key in ("splits", "leaking", "summary", "links"):
            assert getattr(alone, key) == getattr(whole, key)


def test_a_clean_repair_serves_again_and_what_an_encoder_found_is_kept(dataset, monkeypatch):
    features = np.random.default_rng(0).normal(size=(len(dataset.table), 8)).astype(np.float32)
    features[1] = features[0] * 1.001
    compute = "twinlens.auditing.audit.compute_features"
    monkeypatch.setattr(compute, lambda *_: (features, "mine"))
    first = inspect(dataset, [open_split(dataset, "imported")], fix(dataset))
    write_findings(dataset, first)
    monkeypatch.setattr(compute, lambda *_: (None, None))
    second = inspect(dataset, [open_split(dataset, "imported")], fix(dataset))
    assert any(link.found_by == "embedding" for link in first.links)
    for key in ("links", "suspected_label_errors", "settings", "splits", "repairs"):
        assert getattr(second, key) == getattr(first, key)
    assert split_names(dataset) == ["imported", "imported-fixed"]
