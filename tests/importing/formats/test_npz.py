"""Hostile and damaged files, and that no array of pixels is ever held."""

import gc
import os
import struct
import tracemalloc
import zipfile

import numpy as np
import pytest

from twinlens.errors import UserError
from twinlens.importing.formats import npz


@pytest.fixture
def images():
    return np.random.default_rng(0).integers(0, 256, (5, 8, 9, 3), np.uint8)


def opened(path, name="x"):
    with npz.open_npz(path) as archive:
        return npz.open_array(archive, name, npz.read_header(archive, name))


def zipped(path, content, name="x.npy", compression=zipfile.ZIP_STORED):
    with zipfile.ZipFile(path, "w", compression) as archive:
        archive.writestr(name, content)
    return path


def npy(header, rest=b""):
    text = header.encode().ljust(118) + b"\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text + rest


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_rows_are_those_of_the_array(tmp_path, images, save):
    save(tmp_path / "a.npz", first=np.arange(3), x=images, last=np.arange(4))
    rows = opened(tmp_path / "a.npz")
    assert [rows[number] for number in (4, 0, 2)] == [images[n].tobytes() for n in (4, 0, 2)]


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_memory_does_not_hold_the_pixels(tmp_path, save):
    many = np.zeros((30_000, 28, 28), np.uint8)
    save(tmp_path / "a.npz", x=many)
    del many
    tracemalloc.start()
    rows = opened(tmp_path / "a.npz")
    total = sum(len(rows[number]) for number in range(0, 30_000, 10))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert total == 3000 * 28 * 28
    assert peak < 5e6 < 30_000 * 28 * 28


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_files_are_closed_and_gone_with_the_array(tmp_path, images, save, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    save(tmp_path / "a.npz", x=images)
    rows = opened(tmp_path / "a.npz")
    descriptor = rows.file.fileno()
    del rows
    gc.collect()
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(descriptor)
    assert os.listdir(tmp_path) == ["a.npz"]  # noqa: PTH208


def test_a_file_that_shrinks_meanwhile_is_an_error_of_the_image(tmp_path, images):
    np.savez(tmp_path / "a.npz", x=images)
    rows = opened(tmp_path / "a.npz")
    with (tmp_path / "a.npz").open("rb+") as file:
        file.truncate(500)
    assert len(rows[0]) == 8 * 9 * 3
    with pytest.raises(OSError, match="ends too early"):
        rows[4]


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_a_truncated_file_is_refused(tmp_path, images, save):
    save(tmp_path / "a.npz", x=images)
    content = (tmp_path / "a.npz").read_bytes()
    for length in (0, 10, len(content) // 2, len(content) - 1):
        (tmp_path / "a.npz").write_bytes(content[:length])
        with pytest.raises(UserError, match=r"a\.npz is no .npz file, or a damaged one"):
            opened(tmp_path / "a.npz")


def test_a_damaged_compressed_array_is_refused(tmp_path, images):
    np.savez_compressed(tmp_path / "a.npz", x=images)
    content = bytearray((tmp_path / "a.npz").read_bytes())
    content[len(content) // 2] ^= 255
    (tmp_path / "a.npz").write_bytes(content)
    with pytest.raises(UserError, match="damaged one"):
        opened(tmp_path / "a.npz")


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "damaged one"),
        (b"not an array", "damaged one"),
        (npy("{'descr': '|u1', 'fortran_order': False, 'shape': (1000000000000, 28, 28)}"), "fit"),
        (npy("{'descr': '|u1', 'fortran_order': False, 'shape': (-2, -2)}", bytes(4)), "fit"),
        (npy("{'descr': '|u1', 'fortran_order': False, 'shape': (2, 2)}", bytes(5)), "fit"),
        (npy("{'descr': '|u1', 'fortran_order': True, 'shape': (2, 2)}", bytes(4)), "by column"),
        (npy("{'descr': '|O', 'fortran_order': False, 'shape': (2,)}", bytes(16)), "objects"),
        (npy("{'descr': '|u1', 'shape': (2, 2)}", bytes(4)), "damaged one"),
        (npy("__import__('os').abort()"), "damaged one"),
        (npy("(" * 110), "damaged one"),
        (npy("{[]: 1}"), "damaged one"),
    ],
)
def test_a_hostile_header_is_refused(tmp_path, content, sentence):
    for compression in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        path = zipped(tmp_path / "a.npz", content, compression=compression)
        with pytest.raises(UserError, match=sentence):
            opened(path)


def test_an_array_that_says_it_is_longer_than_the_file_is_refused(tmp_path):
    header = "{'descr': '|u1', 'fortran_order': False, 'shape': (%d,)}"
    path = zipped(tmp_path / "a.npz", npy(header % 300, bytes(300)))
    grown, size = npy(header % 9000), len(npy(header % 300, bytes(300)))
    content = path.read_bytes().replace(npy(header % 300), grown)
    longer = struct.pack("<II", size + 8700, size + 8700)
    path.write_bytes(content.replace(struct.pack("<II", size, size), longer))
    with pytest.raises(UserError, match=r"cut off|Overlapped entries"):  # the latter by Python 3.13
        opened(path)


def test_what_finds_no_room_is_not_unpacked(tmp_path, images, monkeypatch):
    np.savez_compressed(tmp_path / "a.npz", x=images)
    usage = type("Usage", (), {"free": 100})
    monkeypatch.setattr("shutil.disk_usage", lambda _: usage)
    with pytest.raises(UserError, match=r"unpacks to 0.0 GB.*set TMPDIR"):
        opened(tmp_path / "a.npz")


def test_a_small_array_is_read_whole(tmp_path):
    np.savez(tmp_path / "a.npz", x=np.arange(6).reshape(2, 3))
    with npz.open_npz(tmp_path / "a.npz") as archive:
        assert npz.array_names(archive) == ["x"]
        assert npz.read_array(archive, "x").tolist() == [[0, 1, 2], [3, 4, 5]]
