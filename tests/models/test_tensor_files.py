"""Files of tensors that are read, and a sentence for each that must not be."""

import argparse
import pickle
import struct
from collections import OrderedDict
from pathlib import Path
from types import SimpleNamespace
from zipfile import ZipFile

import numpy as np
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file

from twinlens.errors import UserError
from twinlens.models.tensor_files import read_header, read_tensors, save_tensors

TENSORS = {"conv1.weight": torch.arange(81.0).view(3, 3, 3, 3), "count": torch.tensor(7)}


def assert_equal(tensors):
    assert tensors.keys() == TENSORS.keys()
    assert all(torch.equal(tensors[key], TENSORS[key]) for key in TENSORS)


def test_saved_tensors_are_read_again(tmp_path):
    path = tmp_path / "encoder.safetensors"
    save_tensors(path, TENSORS)
    assert_equal(read_tensors(path))
    assert read_header(path) is None
    assert [file.name for file in tmp_path.iterdir()] == ["encoder.safetensors"]


@pytest.mark.parametrize("suffix", [".pth", ".pt", ".ckpt", ".bin", ".torch", ".pth.tar"])
@pytest.mark.parametrize("nest", ["state_dict", "model"])
def test_a_nested_state_dict_is_read(tmp_path, nest, suffix):
    optimizer = {"state": {0: {"exp_avg": torch.zeros(1)}}, "param_groups": [{"lr": 0.1}]}
    content = {"epoch": 3, nest: OrderedDict(TENSORS), "optimizer": optimizer}
    torch.save({"wrapped": content}, tmp_path / f"w{suffix}")
    assert_equal(read_tensors(tmp_path / f"w{suffix}"))


def test_of_several_state_dicts_the_names_tell(tmp_path):
    torch.save(
        {"student": TENSORS, "teacher": {"encoder": TENSORS}, "center": torch.zeros(1)},
        tmp_path / "w.pth",
    )
    assert list(read_tensors(tmp_path / "w.pth")) == [
        "student.conv1.weight", "student.count",
        "teacher.conv1.weight", "teacher.count", "center",
    ]  # fmt: skip


def test_options_and_scores_beside_the_tensors_are_let_in(tmp_path):
    beside = {
        "args": argparse.Namespace(lr=0.1, out=Path("/runs"), cfg=SimpleNamespace(a=[1])),
        "best": np.float64(0.9),
        "step": np.int64(3),
    }
    torch.save({"model": TENSORS, **beside}, tmp_path / "w.pth")
    assert_equal(read_tensors(tmp_path / "w.pth"))


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (
            b"version https://git-lfs.github.com/spec/v1\noid sha256:1\n",
            "Git LFS pointer.*lfs pull",
        ),
        (b"\n<!DOCTYPE html><html>", "a web page"),
        (b"<html lang='en'>", "a web page"),
        (b"\x1f\x8b\x08", "a compressed file: unpack it"),
        (b"\x89HDF\r\n", "HDF5"),
    ],
)
@pytest.mark.parametrize("name", ["w.pth", "w.safetensors"])
def test_what_is_saved_in_place_of_weights_is_named(tmp_path, content, words, name):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(UserError, match=words):
        read_tensors(tmp_path / name)


def test_an_archive_with_weights_inside_is_named(tmp_path):
    with ZipFile(tmp_path / "w.pt", "w") as archive:
        archive.writestr("model/weights.pth", b"and so on")
    with pytest.raises(UserError, match=r"a ZIP archive that torch.save has not written: unpack"):
        read_tensors(tmp_path / "w.pt")


class Payload:
    """A pickle that creates a file when it is loaded without care."""

    def __init__(self, target: Path) -> None:
        self.target = target

    def __reduce__(self):
        return Path.touch, (self.target,)


def test_a_pickle_with_code_is_refused_and_the_code_does_not_run(tmp_path):
    target = tmp_path / "created"
    for name, save in {"zip.pth": torch.save, "plain.pt": dump}.items():
        save({"conv1.weight": torch.zeros(2), "code": Payload(target)}, tmp_path / name)
        with pytest.raises(UserError, match=r"is refused.*could run foreign code"):
            read_tensors(tmp_path / name)
    assert not target.exists()
    torch.load(tmp_path / "zip.pth", weights_only=False)
    assert target.exists(), "the payload must be one that works"


def dump(content: object, path: Path) -> None:
    path.write_bytes(pickle.dumps(content))


def damage(path: Path, kind: str) -> None:
    if kind == "truncated":
        torch.save(TENSORS, path) if path.suffix == ".pth" else save_file(TENSORS, path)
        path.write_bytes(path.read_bytes()[:-100])
    else:
        path.write_bytes({"empty": b"", "text": b"hello, no weights here\n"}[kind])


@pytest.mark.parametrize(
    ("name", "kind", "words"),
    [
        ("w.pth", "empty", "is empty"),
        ("w.pth", "truncated", "damaged or no file of torch.save"),
        ("w.pth", "text", "damaged or no file of torch.save"),
        ("w.safetensors", "empty", "is empty"),
        ("w.safetensors", "truncated", "damaged or no safetensors file"),
        ("w.safetensors", "text", "damaged or no safetensors file"),
        ("w.h5", "text", r"must end in .safetensors, .pth, .pt, .ckpt, .bin, .torch or .pth.tar"),
    ],
)
def test_damaged_files_are_refused_in_a_sentence(tmp_path, name, kind, words):
    damage(tmp_path / name, kind)
    with pytest.raises(UserError, match=words):
        read_tensors(tmp_path / name)


@pytest.mark.parametrize("content", [torch.zeros(3), {"epoch": 3}, {}, [torch.zeros(1)]])
def test_files_without_named_tensors_are_refused(tmp_path, content):
    torch.save(content, tmp_path / "w.pth")
    with pytest.raises(UserError, match="no dictionary of named tensors"):
        read_tensors(tmp_path / "w.pth")


def test_equal_tensors_and_headers_give_equal_files(tmp_path):
    tensors = {"b": torch.arange(6.0).reshape(2, 3), "a": torch.ones(1, dtype=torch.int64)}
    metadata = {name: f'"{name}" ü\n' for name in "zyxwvu"}  # safetensors shuffles them
    files = [tmp_path / f"{number}.safetensors" for number in range(8)]
    for path in files:
        save_tensors(path, tensors, metadata)
    assert len({path.read_bytes() for path in files}) == 1
    with safe_open(files[0], "pt") as file:
        assert file.metadata() == metadata | {"format": "pt"}
    read = read_tensors(files[0])
    assert all(torch.equal(read[name], tensor) for name, tensor in tensors.items())


def test_an_archive_of_several_disks_is_no_weight_file(tmp_path):
    """Python's `is_zipfile` itself raises on it."""
    path = tmp_path / "a.pth"
    locator = struct.pack("<4sLQL", b"PK\x06\x07", 0, 0, 2)
    path.write_bytes(bytes(64) + locator + b"PK\x05\x06" + bytes(18))
    with pytest.raises(UserError, match=r"a\.pth is refused"):
        read_tensors(path)
