import pytest

import twinlens
from twinlens.auditing import audit as auditing
from twinlens.auditing.repair import repair
from twinlens.data.dataset import open_dataset
from twinlens.data.groups import links_of
from twinlens.data.splits import open_split
from twinlens.files import read_json, write_json
from twinlens.study.running import audit_summary as module
from twinlens.study.running.audit_summary import keep_audit


@pytest.fixture
def data(leaking):
    return open_dataset(leaking)


def test_leaks_are_said_aloud_and_counted(data, tmp_path, capsys):
    keep_audit(tmp_path, data, open_split(data))
    kept = read_json(tmp_path / "audit.json")
    assert (kept["data_hash"], kept["split"]) == (data.hash, "imported")
    assert kept["leaking"]
    assert kept["leaks"]["groups"] == 1
    assert kept["leaks"]["links"] == 3
    assert kept["leaks"]["known"]["test"]["any"] == pytest.approx(3 / 12)
    expected = {"pixels": 1, "hash": 2, "embedding": 0, "conflicts": 1, "skipped": 1}
    assert expected.items() <= kept["counts"].items()
    assert kept["counts"]["doubtful_labels"] is None
    said = capsys.readouterr().err
    assert f"WARNING: {kept['warnings'][0]}" in said
    assert f"twinlens audit {data.path} --split imported --fix" in said


def test_nothing_is_written_beside_the_data(data, tmp_path):
    keep_audit(tmp_path, data, open_split(data))
    assert not (data.path / "audit").exists()


def test_what_is_audited_already_is_not_audited_again(data, tmp_path, monkeypatch, capsys):
    keep_audit(tmp_path, data, open_split(data))
    kept = (tmp_path / "audit.json").read_text()
    capsys.readouterr()
    monkeypatch.setattr(module, "audit_of", lambda *_: pytest.fail("it was audited again"))
    keep_audit(tmp_path, data, open_split(data))
    assert (tmp_path / "audit.json").read_text() == kept
    assert "WARNING: Split 'imported' LEAKS" in capsys.readouterr().err


def test_the_audit_of_the_data_set_serves_each_of_its_splits(data, tmp_path, monkeypatch, capsys):
    twinlens.audit(data.path)
    beside = (data.path / "audit" / "audit.json").read_text()
    fixed, _ = repair(data, open_split(data), links_of(data))
    monkeypatch.setattr(auditing, "inspect", lambda *_, **__: pytest.fail("images were read again"))
    keep_audit(tmp_path, data, open_split(data, "imported"))
    leaking = read_json(tmp_path / "audit.json")
    assert leaking["leaks"]["links"] == 3
    capsys.readouterr()
    keep_audit(tmp_path, data, fixed)
    clean = read_json(tmp_path / "audit.json")
    assert clean["split_hash"] == fixed.hash
    assert not clean["leaking"]
    assert clean["leaks"] == {
        "groups": 0,
        "links": 0,
        "known": {
            part: dict.fromkeys(("train", "unlabelled", "any"), 0.0) for part in ("val", "test")
        },
    }
    assert "WARNING" not in capsys.readouterr().err
    assert (data.path / "audit" / "audit.json").read_text() == beside


def test_an_audit_of_other_images_does_not_count(data, tmp_path):
    twinlens.audit(data.path)
    path = data.path / "audit" / "audit.json"
    other = read_json(path) | {"links": []}
    other["data"]["hash"] = "0" * 64
    write_json(path, other)
    keep_audit(tmp_path, data, open_split(data))
    assert read_json(tmp_path / "audit.json")["counts"]["hash"] == 2
