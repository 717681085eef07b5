from hashlib import sha256

from filelock import FileLock

from twinlens.health.weights import check_weights
from twinlens.models.published import WEIGHTS

NAME = "supervised_resnet18"


def test_cached_weights_are_checked_by_their_hash(tmp_path, monkeypatch, levels):
    monkeypatch.setenv("TWINLENS_CACHE", str(tmp_path))
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hub"))
    assert "none downloaded" in levels(check_weights())["ok"]
    (path,) = [tmp_path / f"{NAME}.pth"]
    path.write_bytes(b"other")
    assert "is not the published file" in levels(check_weights())["BROKEN"]
    right = WEIGHTS[NAME].model_copy(update={"sha256": sha256(b"other").hexdigest()})
    monkeypatch.setitem(WEIGHTS, NAME, right)
    found = levels(check_weights())
    assert "as published" in found["ok"]
    assert "BROKEN" not in found


def test_a_download_that_broke_off_is_named_unless_it_goes_on(tmp_path, monkeypatch, levels):
    monkeypatch.setenv("TWINLENS_CACHE", str(tmp_path))
    (tmp_path / f"{NAME}.part.pth").write_bytes(bytes(3_000_000))
    assert "broke off after 3.0 MB" in levels(check_weights())["note"]
    with FileLock(tmp_path / f"{NAME}.pth.lock"):
        assert "note" not in levels(check_weights())
