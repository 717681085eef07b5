import numpy as np
import pandas as pd
import pytest

import twinlens
from twinlens.auditing.audit import AUDIT, inspect, inspect_split, write_findings
from twinlens.auditing.leakage import part_of_each
from twinlens.data.dataset import open_dataset
from twinlens.data.groups import LINKS, links_of
from twinlens.data.splits import open_split, split_names, write_split
from twinlens.records.audit import AuditFindings, SuspectedLabelError
from twinlens.records.split import ImportedSplit
from twinlens.requests.audit import AuditRequest

COMPUTE = "twinlens.auditing.audit.compute_features"


@pytest.fixture
def dataset(leaking):
    return open_dataset(leaking)


@pytest.fixture
def findings(dataset):
    return inspect(dataset, [open_split(dataset)])


def fix(dataset):
    return AuditRequest(dataset.path, fix=True)


def test_findings_are_stored_and_read_back(dataset, findings):
    write_findings(dataset, findings)
    assert AuditFindings.read(dataset.path / AUDIT) == findings
    assert pd.read_parquet(dataset.path / LINKS)["b"].tolist() == ["40.png", "42.png", "41.png"]


def test_the_data_set_is_described(findings):
    data = findings.data
    assert data.classes == {"BCC": 11, "MEL": 10, "NV": 23}
    assert (data.images, data.unlabelled, data.groups, data.multi_image_groups) == (44, 0, 43, 1)
    (skipped,) = findings.skipped
    assert skipped.file == "44.png"
    assert skipped.reason
    assert findings.suspected_label_errors is None
    assert findings.pretraining == []


def test_copies_are_linked_with_their_labels_and_groups(findings):
    links = {(link.a, link.b): link for link in findings.links}
    assert {pair: (link.found_by, link.transformation) for pair, link in links.items()} == {
        ("00.png", "40.png"): ("pixels", ""),
        ("04.png", "41.png"): ("hash", "mirrored"),
        ("01.png", "42.png"): ("hash", "mirrored"),
    }
    link = links["01.png", "42.png"]
    assert (link.label_a, link.label_b) == ("MEL", "BCC")
    assert (link.group_a, link.group_b) == ("lesion 1", "copy of 1")
    assert [findings.links[position] for position in findings.conflicts] == [link]


def test_leaks_and_composition_are_those_of_the_split(findings):
    split = findings.splits["imported"]
    assert findings.leaking is split.leaks.leaking is True
    assert [straddling.group for straddling in split.leaks.groups] == ["lesion 12"]
    assert split.leaks.links == [0, 1, 2]
    assert split.leaks.contamination["test"].train == pytest.approx(3 / 12)
    assert split.composition["test"].images == 12
    assert split.composition["val"].attributes["age"].missing == 1
    assert split.linked_images == {
        "00.png": "train", "40.png": "test", "04.png": "train", "41.png": "val", "01.png": "test",
        "42.png": "train",
    }  # fmt: skip
    assert "LEAKS" in findings.summary[0]


def test_later_splits_keep_linked_images_together(dataset, findings):
    ends = np.flatnonzero(dataset.table["id"].isin(["01.png", "42.png"]))

    def straddling(name):
        splits = twinlens.split(dataset.path, val=0.3, test=0.3, repeats=8, name=name)
        return [part_of_each(dataset, split)[ends].nunique() > 1 for split in splits]

    assert any(straddling("before"))
    write_findings(dataset, findings)
    assert not any(straddling("after"))


def test_an_audit_can_be_repeated(dataset, findings):
    again = inspect(dataset, [open_split(dataset)])
    assert again.model_copy(update={"seconds": findings.seconds}) == findings


def test_with_a_pretraining_labels_are_compared_and_its_images_looked_for(dataset, pretrained):
    run = pretrained[1]
    request = AuditRequest(dataset.path, pretrained=(run,), device="cpu")
    findings = inspect(dataset, [open_split(dataset)], request)
    assert findings.settings.encoder == str(run)
    assert isinstance(findings.suspected_label_errors, list)
    assert [link.found_by for link in findings.links][:3] == ["pixels", "hash", "hash"]
    (overlap,) = findings.pretraining
    assert overlap.run == str(run)
    assert set(overlap.seen["imported"]) == {"val", "test"}


def test_a_label_that_its_neighbours_contradict_is_reported_with_names(dataset, monkeypatch):
    features = np.repeat([[0.0], [1.0]], 22, axis=0)
    table = dataset.table.assign(label=["NV"] * 21 + ["MEL"] * 23)
    monkeypatch.setattr(COMPUTE, lambda *_: (features, "mine"))
    monkeypatch.setattr(dataset, "table", table)
    assert inspect(dataset, []).suspected_label_errors == [
        SuspectedLabelError(id=table["id"][21], label="MEL", suggested="NV", agreement=1.0)
    ]


def test_a_table_without_images_is_audited_for_its_groups(dataset_of, tmp_path):
    table = dataset_of(tmp_path / "data", ["x", "y"] * 6, [f"g{n // 3}" for n in range(12)])
    split = write_split(table.path, "main", ["train", "test", "val"] * 4, ImportedSplit())
    findings = inspect(table, [split])
    assert findings.data.table_only is True
    assert findings.links == findings.conflicts == []
    assert findings.outliers is findings.suspected_label_errors is findings.settings.encoder is None
    assert [g.group for g in findings.splits["main"].leaks.groups] == ["g0", "g1", "g2", "g3"]
    assert any("table without images" in sentence for sentence in findings.summary)
    write_findings(table, findings)
    assert AuditFindings.read(table.path / AUDIT) == findings
    assert links_of(table) is None


def test_one_image_without_split_or_label_can_be_audited(photographs, data_of, pretrained):
    dataset = data_of(photographs[:1])
    request = AuditRequest(dataset.path, pretrained=pretrained[1:], device="cpu")
    findings = inspect(dataset, [], request)
    assert findings.links == findings.outliers == findings.suspected_label_errors == []
    assert findings.leaking is False
    write_findings(dataset, findings)
    assert links_of(dataset).empty


def test_a_leaking_split_is_repaired_once(dataset):
    imported = open_split(dataset)
    findings = inspect(dataset, [imported], fix(dataset))
    assert findings.leaking is True  # the old split still does
    assert findings.repairs["imported"].split == "imported-fixed"
    assert not findings.splits["imported-fixed"].leaks.leaking
    assert any("repairs 'imported'" in sentence for sentence in findings.summary)
    fixed = open_split(dataset, "imported-fixed")
    again = inspect(dataset, [imported, fixed], fix(dataset))
    assert set(again.splits) == {"imported", "imported-fixed"}
    assert inspect(dataset, [fixed], fix(dataset)).leaking is False
    assert split_names(dataset) == ["imported", "imported-fixed"]


def test_the_findings_on_one_split_are_those_of_the_whole_audit(dataset, findings, monkeypatch):
    imported = open_split(dataset)
    alone = inspect_split(dataset, imported)
    assert not (dataset.path / "audit").exists()
    assert (alone.splits, alone.links) == (findings.splits, findings.links)
    (other,) = twinlens.split(dataset.path, val=0.2, test=0.2, name="other")
    expected = inspect(dataset, [other])
    write_findings(dataset, inspect(dataset, [imported]))
    monkeypatch.setattr("twinlens.auditing.audit.find_links", None)  # the links are known
    for split, whole in ((imported, findings), (other, expected)):
        alone = inspect_split(dataset, split)
        assert alone.model_copy(update={"seconds": whole.seconds}) == whole


def test_a_stored_audit_that_cannot_be_read_is_ignored(dataset, findings, capsys):
    (dataset.path / "audit").mkdir()
    (dataset.path / AUDIT).write_text('{"links": []}')
    assert inspect(dataset, [open_split(dataset)]).links == findings.links
    assert "the stored audit is ignored" in capsys.readouterr().err


def test_a_clean_repair_serves_again_and_what_an_encoder_found_is_kept(dataset, monkeypatch):
    features = np.random.default_rng(0).normal(size=(len(dataset.table), 8)).astype(np.float32)
    features[1] = features[0] * 1.001
    monkeypatch.setattr(COMPUTE, lambda *_: (features, "mine"))
    imported = open_split(dataset)
    first = inspect(dataset, [imported], fix(dataset))
    write_findings(dataset, first)
    assert any(link.found_by == "embedding" for link in first.links)
    monkeypatch.setattr(COMPUTE, lambda *_: (None, None))
    second = inspect(dataset, [imported], fix(dataset))
    assert second.model_copy(update={"seconds": first.seconds}) == first
    assert split_names(dataset) == ["imported", "imported-fixed"]
