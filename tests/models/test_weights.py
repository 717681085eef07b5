"""Files that load, and a sentence for each that must not."""

import pickle
from collections import OrderedDict
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from twinlens.errors import UserError
from twinlens.files import sha256
from twinlens.models.encoders import Encoder, build_encoder
from twinlens.models.weights import load_weights, save_tensors

Tensors = dict[str, torch.Tensor]


@pytest.fixture
def encoder(tiny) -> Encoder:
    return build_encoder(tiny, seed=0)


@pytest.fixture
def other(tiny) -> Tensors:
    """Weights of another seed, as a published file would hold them."""
    state = build_encoder(tiny, seed=1).state_dict()
    return {key: tensor.contiguous() for key, tensor in state.items()}


def assert_loaded(encoder: Encoder, tensors: Tensors) -> None:
    state = encoder.state_dict()
    for key, tensor in tensors.items():
        assert torch.equal(state[key], tensor), key


def test_random_leaves_the_encoder_as_built(encoder):
    before = {key: tensor.clone() for key, tensor in encoder.state_dict().items()}
    assert load_weights(encoder, "random") == {"weights": "random"}
    assert_loaded(encoder, before)


@pytest.mark.parametrize("suffix", [".safetensors", ".pth", ".pt", ".pth.tar"])
def test_loads_every_kind_of_file(encoder, other, tmp_path, suffix):
    path = tmp_path / f"weights{suffix}"
    save_file(other, path) if suffix == ".safetensors" else torch.save(other, path)
    report = load_weights(encoder, str(path))
    assert_loaded(encoder, other)
    assert report == {
        "weights": str(path),
        "sha256": sha256(path),
        "matched": len(other),
        "dropped": [],
    }


def test_what_save_tensors_writes_loads_again(encoder, tiny, tmp_path):
    path = tmp_path / "encoder.safetensors"
    saved = build_encoder(tiny, seed=1).state_dict()
    save_tensors(path, saved)
    load_weights(encoder, path)
    assert_loaded(encoder, saved)
    assert [file.name for file in tmp_path.iterdir()] == ["encoder.safetensors"]


@pytest.mark.parametrize("nest", ["state_dict", "model"])
def test_finds_a_nested_state_dict(encoder, other, tmp_path, nest):
    torch.save({"epoch": 3, nest: OrderedDict(other)}, tmp_path / "w.pth")
    load_weights(encoder, tmp_path / "w.pth")
    assert_loaded(encoder, other)


@pytest.mark.parametrize("head", ["fc", "classifier", "head"])
def test_drops_a_classifier_and_reports_it(encoder, other, tmp_path, head):
    extra = {f"{head}.weight": torch.zeros(10, 4), f"{head}.bias": torch.zeros(10)}
    save_file(other | extra, tmp_path / "w.safetensors")
    report = load_weights(encoder, tmp_path / "w.safetensors")
    assert report["dropped"] == sorted(extra)
    assert report["matched"] == len(other)


def test_old_files_lack_num_batches_tracked(encoder, other, tmp_path):
    old = {key: tensor for key, tensor in other.items() if "num_batches" not in key}
    torch.save(old, tmp_path / "w.pth")
    load_weights(encoder, tmp_path / "w.pth")
    assert_loaded(encoder, old)


def test_refuses_other_shapes_missing_and_unknown_tensors(encoder, other, tmp_path):
    path = tmp_path / "w.safetensors"
    wrong = {"conv1.weight": torch.zeros(8, 3, 3, 3), "stem.scale": torch.zeros(2, 4)}
    save_file(wrong, path)
    before = {key: tensor.clone() for key, tensor in encoder.state_dict().items()}
    with pytest.raises(UserError) as caught:
        load_weights(encoder, path)
    assert str(caught.value) == (
        f"{path} does not fit the encoder tiny: "
        "1 of another shape: conv1.weight is 8x3x3x3 instead of 4x3x3x3; "
        "4 missing: bn1.weight (4), bn1.bias (4), bn1.running_mean (4) and 1 more; "
        "1 unknown to it: stem.scale (2x4). "
        "Choose the encoder that the weights were made for."
    )
    assert_loaded(encoder, before)


class Payload:
    """A pickle that creates a file when it is loaded without care."""

    def __init__(self, target: Path) -> None:
        self.target = target

    def __reduce__(self):
        return Path.touch, (self.target,)


def test_a_pickle_with_code_is_refused_and_the_code_does_not_run(encoder, tmp_path):
    target = tmp_path / "created"
    for name, save in {"zip.pth": torch.save, "plain.pt": dump}.items():
        save({"conv1.weight": torch.zeros(2), "code": Payload(target)}, tmp_path / name)
        with pytest.raises(UserError, match=r"is refused.*could run foreign code"):
            load_weights(encoder, tmp_path / name)
    assert not target.exists()
    torch.load(tmp_path / "zip.pth", weights_only=False)
    assert target.exists(), "the payload must be one that works"


def dump(content: object, path: Path) -> None:
    path.write_bytes(pickle.dumps(content))


def damage(other: Tensors, path: Path, kind: str) -> None:
    if kind == "truncated":
        torch.save(other, path) if path.suffix == ".pth" else save_file(other, path)
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
def test_damaged_files_are_refused_in_a_sentence(encoder, other, tmp_path, name, kind, words):
    damage(other, tmp_path / name, kind)
    with pytest.raises(UserError, match=words):
        load_weights(encoder, tmp_path / name)


@pytest.mark.parametrize("content", [torch.zeros(3), {"epoch": 3}, {}, [torch.zeros(1)]])
def test_files_without_named_tensors_are_refused(encoder, tmp_path, content):
    torch.save(content, tmp_path / "w.pth")
    with pytest.raises(UserError, match="no dictionary of named tensors"):
        load_weights(encoder, tmp_path / "w.pth")


def test_missing_file_and_folder(encoder, tmp_path):
    with pytest.raises(UserError, match="neither 'random' nor a file that exists"):
        load_weights(encoder, "resnet50.pth")
    with pytest.raises(UserError, match="is not a file"):
        load_weights(encoder, tmp_path)
