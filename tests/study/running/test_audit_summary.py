import pytest

import twinlens
from twinlens.auditing import audit as auditing
from twinlens.auditing.repair import repair_split
from twinlens.data.dataset import open_dataset
from twinlens.data.groups import links_of
from twinlens.data.splits import open_split
from twinlens.records.audit import AuditFindings, FindingCounts, StudyAudit
from twinlens.records.split_audit import Contamination
from twinlens.study.running import audit_summary as module
from twinlens.study.running.audit_summary import keep_audit


@pytest.fixture
def data(leaking):
    return open_dataset(leaking)


def stored(study):
    return StudyAudit.read(study / "audit.json")


def test_leaks_are_printed_and_counted(data, tmp_path, capsys):
    keep_audit(tmp_path, data, open_split(data))
    audit = stored(tmp_path)
    assert (audit.data_hash, audit.split) == (data.hash, "imported")
    assert audit.leaking
    assert (audit.straddling_groups, audit.straddling_links) == (1, 3)
    assert audit.contamination["test"].any == pytest.approx(3 / 12)
    assert audit.counts == FindingCounts(
        exact_duplicates=1, near_duplicates=2, similar_images=0, conflicts=1, skipped=1,
        suspected_label_errors=None, outliers=audit.counts.outliers,
    )  # fmt: skip
    printed = capsys.readouterr().err
    assert f"WARNING: {audit.warnings[0]}" in printed
    assert f"twinlens audit {data.path} --split imported --fix" in printed


def test_nothing_is_written_beside_the_data(data, tmp_path):
    keep_audit(tmp_path, data, open_split(data))
    assert not (data.path / "audit").exists()


def test_what_is_audited_already_is_not_audited_again(data, tmp_path, monkeypatch, capsys):
    keep_audit(tmp_path, data, open_split(data))
    kept = (tmp_path / "audit.json").read_text()
    capsys.readouterr()
    monkeypatch.setattr(module, "inspect_split", lambda *_: pytest.fail("it was audited again"))
    keep_audit(tmp_path, data, open_split(data))
    assert (tmp_path / "audit.json").read_text() == kept
    assert "WARNING: Split 'imported' LEAKS" in capsys.readouterr().err


def test_the_audit_of_the_data_set_serves_each_of_its_splits(data, tmp_path, monkeypatch, capsys):
    twinlens.audit(data.path)
    beside = (data.path / "audit" / "audit.json").read_text()
    fixed = repair_split(data, open_split(data), links_of(data))
    monkeypatch.setattr(auditing, "inspect", lambda *_, **__: pytest.fail("images were read again"))
    keep_audit(tmp_path, data, open_split(data, "imported"))
    assert stored(tmp_path).straddling_links == 3
    capsys.readouterr()
    keep_audit(tmp_path, data, fixed)
    clean = stored(tmp_path)
    assert clean.split_hash == fixed.hash
    assert not clean.leaking
    assert (clean.straddling_groups, clean.straddling_links) == (0, 0)
    nothing = Contamination(train=0, unlabelled=0, any=0)
    assert clean.contamination == {"val": nothing, "test": nothing}
    assert "WARNING" not in capsys.readouterr().err
    assert (data.path / "audit" / "audit.json").read_text() == beside


def test_an_audit_of_other_images_does_not_count(data, tmp_path):
    twinlens.audit(data.path)
    path = data.path / "audit" / "audit.json"
    audit = AuditFindings.read(path)
    other = audit.data.model_copy(update={"hash": "0" * 64})
    audit.model_copy(update={"links": [], "data": other}).write(path)
    keep_audit(tmp_path, data, open_split(data))
    assert stored(tmp_path).counts.near_duplicates == 2
