"""Sizes of the views in progressive training (EfficientNetV2, arXiv 2104.00298, section 4)."""

import numpy as np

from twinlens.engine.timing import current_rehearsal
from twinlens.errors import UserError

STAGES = 4
MULTIPLE = 16
"""Sizes are multiples of it, in pixels, but for the last."""


def progressive_sizes(start: int | None, size: int, steps: int) -> list[int]:
    """Return the size of the views at each step: it rises in `STAGES` equal stages.

    A rehearsal, which takes only the first steps, takes the size of a mean area throughout.

    Args:
        start: Side of the views at the beginning, in pixels; None for `size` throughout.
        size: Their side at the end.
        steps: Number of steps.

    Raises:
        UserError: The first size is larger than the last.
    """
    if start is None:
        return [size] * steps
    if start > size:
        raise UserError(
            f"progressive_from={start} is above the {size} pixels with which the training ends: "
            "choose less, or leave it out."
        )
    rising = np.linspace(start, size, STAGES)
    stages = (np.round(rising / MULTIPLE) * MULTIPLE).astype(int)
    stages[-1] = size
    if current_rehearsal():
        stages[:] = round(float(np.sqrt(np.mean(stages**2.0))) / MULTIPLE) * MULTIPLE
    return [int(stages[step * STAGES // steps]) for step in range(steps)]
