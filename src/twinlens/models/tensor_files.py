"""Files of named tensors: safetensors, and pickles of torch without ever running their code."""

import argparse
import errno
import json
import pickle
import re
import warnings
from collections.abc import Mapping
from pathlib import Path, PurePosixPath, PureWindowsPath
from types import SimpleNamespace
from typing import Any
from zipfile import ZipFile, is_zipfile

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor
from torch.serialization import safe_globals

from twinlens.errors import UserError
from twinlens.files import atomic_file
from twinlens.records.weights import EncoderHeader

_PICKLES = (".pth", ".pt", ".ckpt", ".bin", ".torch", ".pth.tar")
_NOT_WEIGHTS = (
    (rb"version https://git-lfs", "a Git LFS pointer, not the file itself: run 'git lfs pull'"),
    (rb"\s*<(!doctype|html|\?xml)", "a web page: download the file itself, by its raw address"),
    (rb"\x1f\x8b|BZh|\xfd7zXZ|7z\xbc\xaf", "a compressed file: unpack it"),
    (rb"\x89HDF", "an HDF5 file, as Keras writes it: only torch's and safetensors' files are read"),
)
"""How files begin that are saved in place of weights, and what they are."""

_LIGHTNING = (
    "lightning_fabric.utilities.data",
    "lightning.fabric.utilities.data",
    "lightning.pytorch.utilities.parsing",
    "pytorch_lightning.utilities.parsing",
)
_SCALAR = np.float64(0).__reduce__()[0]  # builds any NumPy scalar; it has no public name
_NUMPY = ("Bool", "Int32", "Int64", "Float32", "Float64")
_PLAIN: list[Any] = [
    argparse.Namespace,
    SimpleNamespace,
    np.dtype,
    *(getattr(np.dtypes, f"{name}DType") for name in _NUMPY),
    *((_SCALAR, f"numpy.{core}.multiarray.scalar") for core in ("core", "_core")),
    *((PurePosixPath, f"{module}.PosixPath") for module in ("pathlib", "pathlib._local")),
    *((PureWindowsPath, f"{module}.WindowsPath") for module in ("pathlib", "pathlib._local")),
    *((dict, f"{module}.AttributeDict") for module in _LIGHTNING),
]
"""Types that training scripts store beside the weights, and that run nothing when they are read."""


def read_tensors(path: Path) -> dict[str, Tensor]:
    """Read the named tensors of a weight file.

    Raises:
        UserError: The file is missing, empty, damaged, of another kind, or holds code.
    """
    if not path.is_file():
        raise UserError(f"{path} is not a file.")
    if path.stat().st_size == 0:
        raise UserError(f"{path} is empty.")
    with path.open("rb") as file:
        head = file.read(100)
    for begin, what in _NOT_WEIGHTS:
        if re.match(begin, head, re.IGNORECASE):
            raise UserError(f"{path} holds no weights: it is {what}.")
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
    """Write tensors and header as a safetensors file, whole or not at all.

    Equal tensors and headers give equal files.
    """
    plain = {key: tensor.detach().cpu().contiguous() for key, tensor in tensors.items()}
    with atomic_file(path, size=sum(tensor.nbytes for tensor in plain.values())) as temporary:
        try:
            save_file(plain, temporary, metadata={"format": "pt", **(metadata or {})})
        except SafetensorError as error:
            number = re.search(r"os error (\d+)", str(error))
            code = int(number[1]) if number else errno.EIO
            raise OSError(code, str(error), str(path)) from error
        _sort_metadata(temporary)


def _sort_metadata(path: Path) -> None:
    """Sort the metadata of a safetensors file, whose order safetensors leaves to chance.

    The file begins with the length of its header in 8 bytes; spaces may follow the header.
    """
    with path.open("r+b") as file:
        length = int.from_bytes(file.read(8), "little")
        header = json.loads(file.read(length))
        header["__metadata__"] = dict(sorted(header["__metadata__"].items()))
        text = json.dumps(header, separators=(",", ":"), ensure_ascii=False).encode()
        file.seek(8)
        file.write(text.ljust(length))


def _names() -> str:
    return f".safetensors, {', '.join(_PICKLES[:-1])} or {_PICKLES[-1]}"


def _read_safetensors(path: Path) -> dict[str, Tensor]:
    try:
        return load_file(path)
    except SafetensorError as error:
        raise UserError(f"{path} is damaged or no safetensors file: {error}.") from error


def _read_pickle(path: Path) -> dict[str, Tensor]:
    if not _may_be_of_torch(path):
        raise UserError(
            f"{path} is a ZIP archive that torch.save has not written: unpack it, and name the "
            "weight file inside."
        )
    try:
        with warnings.catch_warnings(action="ignore"), safe_globals(_PLAIN):  # our error is clearer
            content = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise UserError(_refusal(path, str(error))) from error
    except Exception as error:  # torch.load raises errors of any class
        raise UserError(f"{path} is damaged or no file of torch.save.") from error
    tensors = _named_tensors(content)
    if not tensors:
        raise UserError(f"{path} holds no dictionary of named tensors, at whatever level.")
    return tensors


def _may_be_of_torch(path: Path) -> bool:
    """Return whether torch.save may have written a file: unless it is another ZIP archive."""
    try:
        if not is_zipfile(path):
            return True
        with ZipFile(path) as archive:
            return any(name.endswith("data.pkl") for name in archive.namelist())
    except Exception:  # a damaged archive can make zipfile raise anything
        return True


def _named_tensors(content: Any) -> dict[str, Tensor]:
    """Return all tensors in nested dictionaries by their path, without the parts all share.

    What a training script stores beside them, such as its options, is left out.
    """
    if not isinstance(content, dict):
        return {}
    parts: dict[str, dict[str, Tensor]] = {}
    for key, value in content.items():
        if isinstance(key, str) and not key.startswith("optim"):
            parts[key] = {"": value} if isinstance(value, Tensor) else _named_tensors(value)
    full = {key: part for key, part in parts.items() if part}
    if len(full) == 1 and "" not in (only := next(iter(full.values()))):
        return only
    return {
        f"{key}.{name}".removesuffix("."): tensor
        for key, part in full.items()
        for name, tensor in part.items()
    }


def _refusal(path: Path, reason: str) -> str:
    named = re.search(r"GLOBAL (\S+)", reason)
    what = f" (it calls for {named[1]})" if named else ""
    return (
        f"{path} is refused: it does not hold tensors alone{what}, and loading anything else "
        "could run foreign code. Save its state dict alone, best as .safetensors."
    )
