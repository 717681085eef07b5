"""Initial weights from a file: strict about names and shapes, and never running its code."""

import pickle
import re
import warnings
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from twinlens.errors import UserError
from twinlens.files import replacing, sha256
from twinlens.models.encoders import Encoder

_PICKLES = (".pth", ".pt", ".pth.tar")
_HEADS = ("fc.", "classifier.", "head.")
_NESTS = ("state_dict", "model")
_SHOWN = 3


def load_weights(encoder: Encoder, weights: str | Path) -> dict[str, Any]:
    """Load initial weights into an encoder, whole or not at all.

    Args:
        encoder: Changed in place.
        weights: ``"random"`` (the encoder stays as it was built) or a file: .safetensors, or
            .pth, .pt, .pth.tar with tensors alone, also nested under ``state_dict`` or ``model``.

    Returns:
        What happened: ``weights`` (as given), and for a file its ``sha256``, the number of
        tensors ``matched`` and the names of the classifier's tensors that were ``dropped``.

    Raises:
        UserError: The file cannot be read, or does not fit the encoder.
    """
    if str(weights) == "random":
        return {"weights": "random"}
    path = Path(weights)
    if not path.exists():
        raise UserError(f"The weights '{weights}' are neither 'random' nor a file that exists.")
    tensors = read_tensors(path)
    expected = encoder.state_dict()
    dropped = [key for key in tensors if key.startswith(_HEADS) and key not in expected]
    tensors = {key: tensor for key, tensor in tensors.items() if key not in dropped}
    problems = misfits(expected, tensors)
    if problems:
        raise UserError(
            f"{path} does not fit the encoder {encoder.name}: {problems}. "
            "Choose the encoder that the weights were made for."
        )
    # Strict but for num_batches_tracked, which BatchNorm fills in where an old file lacks it.
    encoder.load_state_dict(tensors)
    return {
        "weights": str(weights),
        "sha256": sha256(path),
        "matched": len(tensors),
        "dropped": dropped,
    }


def misfits(expected: Mapping[str, Tensor], found: Mapping[str, Tensor]) -> str:
    """Say how the tensors of a file differ from those of a module, or return an empty string."""
    reshaped = [
        f"{key} is {_shape(found[key])} instead of {_shape(expected[key])}"
        for key in expected
        if key in found and found[key].shape != expected[key].shape
    ]
    missing = [
        f"{key} ({_shape(tensor)})"
        for key, tensor in expected.items()
        if key not in found and not key.endswith("num_batches_tracked")
    ]
    foreign = [f"{key} ({_shape(tensor)})" for key, tensor in found.items() if key not in expected]
    groups = (("of another shape", reshaped), ("missing", missing), ("unknown to it", foreign))
    return "; ".join(f"{len(keys)} {what}: {_first(keys)}" for what, keys in groups if keys)


def _shape(tensor: Tensor) -> str:
    return "x".join(map(str, tensor.shape)) or "scalar"


def _first(items: list[str]) -> str:
    more = len(items) - _SHOWN
    return ", ".join(items[:_SHOWN]) + (f" and {more} more" if more > 0 else "")


def save_tensors(path: Path, tensors: Mapping[str, Tensor]) -> None:
    """Write tensors as a safetensors file, whole or not at all."""
    plain = {key: tensor.detach().cpu().contiguous() for key, tensor in tensors.items()}
    with replacing(path) as temporary:
        save_file(plain, temporary, metadata={"format": "pt"})


def read_tensors(path: Path) -> dict[str, Tensor]:
    """Read the named tensors of a weight file.

    Raises:
        UserError: The file is missing, empty, damaged, of another kind, or holds code.
    """
    if not path.is_file():
        raise UserError(f"{path} is not a file.")
    if path.stat().st_size == 0:
        raise UserError(f"{path} is empty.")
    if path.name.endswith(".safetensors"):
        return _read_safetensors(path)
    if path.name.endswith(_PICKLES):
        return _read_pickle(path)
    raise UserError(f"{path} is no weight file: its name must end in {_names()}.")


def _names() -> str:
    return f".safetensors, {', '.join(_PICKLES[:-1])} or {_PICKLES[-1]}"


def _read_safetensors(path: Path) -> dict[str, Tensor]:
    try:
        return load_file(path)
    except SafetensorError as error:
        raise UserError(f"{path} is damaged or no safetensors file: {error}.") from error


def _read_pickle(path: Path) -> dict[str, Tensor]:
    try:
        with warnings.catch_warnings(action="ignore"):  # our sentence says it better
            content = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise UserError(_refusal(path, str(error))) from error
    except Exception as error:  # torch.load meets damage with errors of any class
        raise UserError(f"{path} is damaged or no file of torch.save.") from error
    for nest in _NESTS:
        if isinstance(content, dict) and isinstance(content.get(nest), dict):
            content = content[nest]
    if not isinstance(content, dict) or not content or not _all_tensors(content.items()):
        raise UserError(
            f"{path} holds no dictionary of named tensors, neither at its top nor under "
            f"{' or '.join(map(repr, _NESTS))}."
        )
    return content


def _all_tensors(items: Iterable[tuple[Any, Any]]) -> bool:
    return all(isinstance(key, str) and isinstance(value, Tensor) for key, value in items)


def _refusal(path: Path, reason: str) -> str:
    named = re.search(r"GLOBAL (\S+)", reason)
    what = f" (it calls for {named[1]})" if named else ""
    return (
        f"{path} is refused: it does not hold tensors alone{what}, and loading anything else "
        "could run foreign code. Save its state dict alone, best as .safetensors."
    )
