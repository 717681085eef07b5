"""Copies from the processor's memory to a device."""

import torch
from torch import Tensor


def to_device(tensor: Tensor, device: torch.device, *, dtype: torch.dtype | None = None) -> Tensor:
    """Copy to a device, for which the processor does not wait where that is CUDA.

    The copy is in its place before anything that is asked of the device later. (On Apple's MPS a
    copy that nobody waits for may read memory that is freed meanwhile.)
    """
    return tensor.to(device, dtype or tensor.dtype, non_blocking=device.type == "cuda")
