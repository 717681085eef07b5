"""Files of tensors that are read, and a sentence for each that must not be."""

import pickle
from collections import OrderedDict
from pathlib import Path

import pytest
import torch
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


@pytest.mark.parametrize("nest", ["state_dict", "model"])
def test_a_nested_state_dict_is_read(tmp_path, nest):
    torch.save({"epoch": 3, nest: OrderedDict(TENSORS)}, tmp_path / "w.pth")
    assert_equal(read_tensors(tmp_path / "w.pth"))


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
        ("w.h5", "text", r"must end in .safetensors, .pth, .pt or .pth.tar"),
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
