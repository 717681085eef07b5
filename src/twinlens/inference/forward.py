"""Forward passes of a network in eval mode, batch by batch."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

import numpy as np
import torch
from jaxtyping import Float
from numpy import ndarray
from torch import Tensor, nn

from twinlens.console import progress, say
from twinlens.data.batches import PackReader, Reader, ahead
from twinlens.engine.timing import repeat_to, scaled
from twinlens.errors import UserError, lacks_memory
from twinlens.types import Images, Rows

Autocast = Callable[[], AbstractContextManager[object]]
"""Returns the context of a forward pass, such as the method `autocast` of Fabric."""


@torch.inference_mode()
def in_batches(
    output: Callable[[Images], Tensor], read: Reader, rows: Rows, batch_size: int, title: str
) -> Float[ndarray, "image output"]:
    """Apply a function to batches of images, and return its outputs in the order of `rows`.

    Args:
        output: From images to one row of numbers per image.
        read: Function of row numbers that returns images in [0, 1] on the network's device.
        rows: Row number of each image.
        batch_size: Images at a time.
        title: What the progress bar says.

    Raises:
        UserError: There are no images.
    """
    if not len(rows):
        raise UserError("There are no images to predict: look at the split's counts.")

    load = ahead(
        lambda step: read(rows[step * batch_size : (step + 1) * batch_size]),
        resident=not isinstance(read, PackReader) or read.resident,
    )

    def outputs(size: int) -> Float[ndarray, "image output"]:
        parts, most = [], batch_size
        with progress(title, size) as show:
            for start in range(0, size, batch_size):
                images = load(start // batch_size)[: size - start]
                while len(images):
                    try:
                        parts.append(output(images[:most]).float().cpu().numpy())
                        images = images[most:]
                    except (RuntimeError, MemoryError) as error:
                        most = _fewer(min(most, len(images)), error)
                show(min(start + batch_size, size), "")
        return np.concatenate(parts)

    return repeat_to(scaled(outputs, len(rows)), len(rows))


def _fewer(batch: int, error: Exception) -> int:
    """Return the half of a batch that does not fit into memory, and say so."""
    if not lacks_memory(error):
        raise error
    if batch == 1:
        raise UserError("Not even one image fits into memory: choose --device cpu.") from error
    say(
        f"The network has not enough memory for {batch} images at a time, so it goes on with "
        f"{batch // 2}: probabilities and features differ by rounding alone."
    )
    return batch // 2


@contextmanager
def eval_mode(*modules: nn.Module) -> Iterator[None]:
    """Put modules into eval mode, and each of their parts back into its own mode afterwards."""
    before = [(part, part.training) for module in modules for part in module.modules()]
    for module in modules:
        module.eval()
    try:
        yield
    finally:
        for part, training in before:
            part.training = training
