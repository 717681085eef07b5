import json

import pytest

from twinlens.errors import UserError
from twinlens.models.bundle import save_bundle
from twinlens.models.encoders import build_encoder
from twinlens.models.ensemble import read_members, write_ensemble
from twinlens.models.heads import classifier

INFO = {"classes": ["MEL", "NV"], "size": 64, "precision": "fp32"}
PROVENANCE = {"data_hash": "d", "split_hash": "s"}


@pytest.fixture
def bundle(tiny, tmp_path):
    def save(name, **changes):
        encoder = build_encoder(tiny, seed=0)
        head = classifier(4, 2, seed=0)
        save_bundle(tmp_path / name, encoder, head, INFO | {"provenance": PROVENANCE} | changes)
        return tmp_path / name

    return save


@pytest.fixture
def folder(bundle, tmp_path):
    members = {"one": bundle("a"), "two": bundle("b", provenance=PROVENANCE | {"seed": 1})}
    write_ensemble(tmp_path / "ensemble", members, {"chosen": "by hand"})
    return tmp_path / "ensemble"


def test_an_ensemble_is_its_members(folder):
    found = read_members(folder)
    assert [path.name for path in found] == ["one", "two"]
    assert found[folder / "members" / "two"].provenance["seed"] == 1
    content = json.loads((folder / "ensemble.json").read_text())
    assert content == {"members": ["one", "two"], "provenance": {"chosen": "by hand"}}


def test_a_bundle_is_its_only_member(bundle):
    (path,) = read_members(bundle("a"))
    assert path.name == "a"


@pytest.mark.parametrize(
    ("changes", "what"),
    [
        ({"classes": ["MEL", "BCC"]}, "classes"),
        ({"size": 32}, "size"),
        ({"precision": "bf16"}, "precision"),
        ({"provenance": PROVENANCE | {"split_hash": "other"}}, "split"),
        ({"provenance": {"data_hash": "other"}}, "data set and split"),
    ],
)
def test_members_that_do_not_belong_together_are_refused(bundle, tmp_path, changes, what):
    with pytest.raises(UserError, match=rf"'one' and 'two', which differ in {what}: leave one"):
        write_ensemble(tmp_path / "e", {"one": bundle("a"), "two": bundle("b", **changes)}, {})
    assert not (tmp_path / "e").exists()


def test_what_is_missing_or_damaged_is_said(folder, tmp_path):
    with pytest.raises(UserError, match=r"not a model bundle: it holds no bundle\.json"):
        read_members(tmp_path)
    (folder / "members" / "two" / "bundle.json").unlink()
    with pytest.raises(UserError, match=r"two is not a model bundle"):
        read_members(folder)
    (folder / "ensemble.json").write_text('{"members": []}')
    with pytest.raises(UserError, match=r"ensemble\.json: The key 'members' is wrong"):
        read_members(folder)
