import errno
import os
import shutil
from types import SimpleNamespace

import pytest

from twinlens.errors import UserError
from twinlens.files import atomic_file, atomic_folder, digest, read_json, sha256, write_json


def test_a_file_is_whole_or_not_there(tmp_path):
    path = tmp_path / "a" / "file.json"
    write_json(path, {"x": 1})

    def fail():
        with atomic_file(path) as temporary:
            temporary.write_text("half")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert read_json(path) == {"x": 1}
    assert [p.name for p in path.parent.iterdir()] == ["file.json"]


FULL = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


@pytest.mark.parametrize(
    ("error", "free"),
    [
        (FULL, 5_000_000),
        (Exception("I/O error: No space left on device (os error 28)"), 5_000_000),
        (RuntimeError("unexpected pos 576 vs 534"), 4096),
        (OSError("1000 requested and 500 written"), 0),
    ],
)
@pytest.mark.parametrize(("size", "words"), [(7_500_000, "7.5 MB, and"), (None, "more than the")])
def test_a_full_disk_is_a_sentence_with_what_is_needed(
    tmp_path, monkeypatch, error, free, size, words
):
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=free))

    def fail():
        with atomic_file(tmp_path / "w", size=size) as temporary:
            temporary.write_bytes(bytes(1_000_000))
            raise error

    with pytest.raises(UserError) as caught:
        fail()
    sentence = f"The disk of {tmp_path} is full: w needs {words} {(free + 1_000_000) / 1e6:.1f} MB"
    assert str(caught.value).startswith(sentence)
    assert not [*tmp_path.iterdir()]


@pytest.mark.parametrize("keep", ["checkpoint", "other"])
def test_a_disk_that_fills_up_in_a_folder_is_a_sentence(tmp_path, keep):
    def fail():
        with atomic_folder(tmp_path / "out", marker="m", keep=keep) as work:
            (work / "checkpoint").touch()
            raise FULL

    with pytest.raises(UserError, match=r"is full: out needs more than the .* MB left"):
        fail()
    assert (tmp_path / "out.partial").exists() == (keep == "checkpoint")


def test_other_errors_stay_what_they_are(tmp_path):
    for error in (ZeroDivisionError, RuntimeError, PermissionError):
        with pytest.raises(error), atomic_file(tmp_path / "w"):
            raise error


def test_a_file_is_not_written_over_a_folder(tmp_path):
    with pytest.raises(UserError, match="is a folder: name a file"):
        write_json(tmp_path, {"x": 1})
    assert not [*tmp_path.iterdir()]


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
    with atomic_folder(out, marker="m") as work:
        (work / "m").touch()
        assert not out.exists()
    assert (out / "m").exists()
    assert [p.name for p in tmp_path.iterdir()] == ["out"]


def test_a_name_that_is_not_utf_8_is_refused(tmp_path):
    out = tmp_path / os.fsdecode(b"\xff")
    with pytest.raises(UserError, match="is no name in UTF-8"), atomic_folder(out, marker="m"):
        pass


def test_a_failed_attempt_leaves_nothing_but_what_is_worth_resuming(tmp_path):
    def fail(*files):
        with atomic_folder(tmp_path / "out", marker="m", keep="checkpoint") as work:
            for name in files:
                (work / name).touch()
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail("request")
    assert not [*tmp_path.iterdir()]
    with pytest.raises(ZeroDivisionError):
        fail("request", "checkpoint")
    with pytest.raises(UserError, match=r"pass --resume to .* again, which loses nothing else"):
        fail()
    with atomic_folder(tmp_path / "out", marker="m", keep="checkpoint", resume=True) as work:
        assert {path.name for path in work.iterdir()} == {".lock", "request", "checkpoint"}


def test_of_two_processes_that_make_a_folder_one_is_refused(tmp_path):
    with atomic_folder(tmp_path / "out", marker="m") as work:
        (work / "half").touch()
        with (
            pytest.raises(UserError, match=r"process is at work in .*/out.partial right now: wait"),
            atomic_folder(tmp_path / "out", marker="m", overwrite=True),
        ):
            pass
        assert (work / "half").exists()
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["half"]
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_what_a_killed_attempt_left_is_dropped_where_nothing_can_be_resumed(tmp_path):
    (tmp_path / "out.partial").mkdir()
    (tmp_path / "out.partial" / "half").touch()
    for resume in (False, True):
        with atomic_folder(tmp_path / "out", marker="m", resume=resume, overwrite=resume) as work:
            assert [path.name for path in work.iterdir()] == [".lock"]
            (work / "m").touch()


def test_files_that_a_killed_attempt_left_half_written_do_not_stay_in_the_folder(tmp_path):
    work = tmp_path / "out.partial"
    (work / "deep").mkdir(parents=True)
    for name in ("checkpoint", ".checkpoint.1a2b.tmp", "deep/.file.3c4d.tmp"):
        (work / name).touch()
    with atomic_folder(tmp_path / "out", marker="m", keep="checkpoint", resume=True):
        pass
    found = sorted(path.name for path in (tmp_path / "out").rglob("*"))
    assert found == ["checkpoint", "deep"]


def test_only_what_is_ours_is_overwritten_and_only_when_asked(tmp_path):
    out = tmp_path / "out"
    out.mkdir()
    (out / "letter.txt").write_text("mine")
    with pytest.raises(UserError, match="exists already"), atomic_folder(out, marker="m"):
        pass
    with (
        pytest.raises(UserError, match="holds no m, so it is not ours"),
        atomic_folder(out, marker="m", overwrite=True),
    ):
        pass
    assert (out / "letter.txt").read_text() == "mine"
    (out / "m").touch()
    with atomic_folder(out, marker="m", overwrite=True) as work:
        (work / "m").write_text("new")
    assert [p.name for p in out.iterdir()] == ["m"]
    assert [p.name for p in tmp_path.iterdir()] == ["out"]


def test_a_folder_is_put_back_after_a_kill_between_the_two_renames(tmp_path):
    with atomic_folder(tmp_path / "out", marker="marker") as work:
        (work / "marker").write_text("first")
    (tmp_path / "out").rename(tmp_path / "out.old")
    with (
        pytest.raises(UserError, match="exists already"),
        atomic_folder(tmp_path / "out", marker="marker"),
    ):
        pass
    assert (tmp_path / "out" / "marker").read_text() == "first"
    assert not (tmp_path / "out.old").exists()
