import pytest

from twinlens.errors import UserError
from twinlens.files import building, digest, read_json, replacing, sha256, write_json


def test_a_file_is_whole_or_not_there(tmp_path):
    path = tmp_path / "a" / "file.json"
    write_json(path, {"x": 1})

    def fail():
        with replacing(path) as temporary:
            temporary.write_text("half")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert read_json(path) == {"x": 1}
    assert [p.name for p in path.parent.iterdir()] == ["file.json"]


def test_reading_what_is_not_there_or_not_json_is_a_sentence(tmp_path):
    with pytest.raises(UserError, match=r"x\.json does not exist"):
        read_json(tmp_path / "x.json")
    (tmp_path / "y.json").write_text("{")
    with pytest.raises(UserError, match=r"y\.json is not valid JSON"):
        read_json(tmp_path / "y.json")


def test_digests():
    assert digest({"a": 1, "b": 2}) == digest({"b": 2, "a": 1}) != digest({"a": 2, "b": 2})


def test_sha256(tmp_path):
    (tmp_path / "x").write_bytes(b"abc")
    assert sha256(tmp_path / "x").startswith("ba7816bf8f01cfea")


def test_a_folder_appears_whole(tmp_path):
    out = tmp_path / "out"
    with building(out, marker="m") as work:
        (work / "m").touch()
        assert not out.exists()
    assert (out / "m").exists()
    assert [p.name for p in tmp_path.iterdir()] == ["out"]


def test_a_failed_attempt_leaves_nothing_or_what_resuming_needs(tmp_path):
    for keep in (False, True):
        with pytest.raises(ZeroDivisionError), building(tmp_path / "o", marker="m", keep=keep):
            raise ZeroDivisionError
        assert (tmp_path / "o.partial").exists() is keep
    with (
        pytest.raises(UserError, match="left from an interrupted attempt: pass --resume"),
        building(tmp_path / "o", marker="m", keep=True),
    ):
        pass
    (tmp_path / "o.partial" / "left").touch()
    with building(tmp_path / "o", marker="m", keep=True, resume=True) as work:
        assert (work / "left").exists()
    (tmp_path / "p.partial").mkdir()
    (tmp_path / "p.partial" / "left").touch()
    with building(tmp_path / "p", marker="m") as work:
        assert not (work / "left").exists()


def test_only_what_is_ours_is_overwritten_and_only_when_asked(tmp_path):
    out = tmp_path / "out"
    out.mkdir()
    (out / "letter.txt").write_text("mine")
    with pytest.raises(UserError, match="exists already"), building(out, marker="m"):
        pass
    with (
        pytest.raises(UserError, match="holds no m, so it is not ours"),
        building(out, marker="m", overwrite=True),
    ):
        pass
    assert (out / "letter.txt").read_text() == "mine"
    (out / "m").touch()
    with building(out, marker="m", overwrite=True) as work:
        (work / "m").write_text("new")
    assert [p.name for p in out.iterdir()] == ["m"]
    assert [p.name for p in tmp_path.iterdir()] == ["out"]
