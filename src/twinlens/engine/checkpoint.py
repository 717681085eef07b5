"""Checkpoints: whole or not there, and read without running any code in them."""

import errno
from pathlib import Path
from typing import Any

import torch
from torch.utils._pytree import tree_leaves

from twinlens.errors import UserError
from twinlens.files import atomic_file


def save_checkpoint(path: Path, state: dict[str, Any]) -> None:
    """Write tensors, numbers and strings to `path`, whole or not at all."""
    tensors = [leaf for leaf in tree_leaves(state) if isinstance(leaf, torch.Tensor)]
    with atomic_file(path, size=sum(tensor.nbytes for tensor in tensors)) as temporary:
        try:
            torch.save(state, temporary)
        except RuntimeError as error:  # torch does not say why it could not write
            reason = str(error).partition("\n")[0]
            raise OSError(errno.EIO, reason, str(path)) from error


def load_checkpoint(path: Path) -> dict[str, Any] | None:
    """Read what `save_checkpoint` wrote, onto the CPU; None where there is no file.

    Raises:
        UserError: The file is damaged.
    """
    if not path.exists():
        return None
    try:
        state: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # torch raises many kinds here: zip, pickle, EOF, runtime
        raise UserError(
            f"{path} is damaged and cannot be resumed from: delete it to start this run again."
        ) from error
    return state
