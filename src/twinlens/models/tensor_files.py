"""Files of named tensors: safetensors, and pickles of torch without ever running their code."""

import pickle
import re
import warnings
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor

from twinlens.errors import UserError
from twinlens.files import atomic_file
from twinlens.records.weights import EncoderHeader

_PICKLES = (".pth", ".pt", ".pth.tar")
_NESTS = ("state_dict", "model")


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


def read_header(path: Path) -> EncoderHeader | None:
    """Read the header of a weight file; None if no pretraining by Twinlens has written it.

    Raises:
        UserError: The header is damaged.
    """
    if path.suffix != ".safetensors":
        return None
    with safe_open(path, "pt") as file:
        header = (file.metadata() or {}).get("twinlens")
    return None if header is None else EncoderHeader.parse_text(header, f"The header of {path}")


def save_tensors(
    path: Path, tensors: Mapping[str, Tensor], metadata: Mapping[str, str] | None = None
) -> None:
    """Write tensors and header as a safetensors file, whole or not at all."""
    plain = {key: tensor.detach().cpu().contiguous() for key, tensor in tensors.items()}
    with atomic_file(path) as temporary:
        save_file(plain, temporary, metadata={"format": "pt", **(metadata or {})})


def _names() -> str:
    return f".safetensors, {', '.join(_PICKLES[:-1])} or {_PICKLES[-1]}"


def _read_safetensors(path: Path) -> dict[str, Tensor]:
    try:
        return load_file(path)
    except SafetensorError as error:
        raise UserError(f"{path} is damaged or no safetensors file: {error}.") from error


def _read_pickle(path: Path) -> dict[str, Tensor]:
    try:
        with warnings.catch_warnings(action="ignore"):  # our error is clearer
            content = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise UserError(_refusal(path, str(error))) from error
    except Exception as error:  # torch.load raises errors of any class
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
