"""Fewer points for a curve, so that a page stays light, without moving it."""

import numpy as np
from jaxtyping import Float, Int
from numpy import ndarray

TOLERANCE = 0.002  # of the frame: about a pixel


def kept(
    x: Float[ndarray, " point"], y: Float[ndarray, " point"], tolerance: float = TOLERANCE
) -> Int[ndarray, " kept"]:
    """Return the points of a line that suffice for it.

    Without the others it is nowhere further than the tolerance from where it was (Douglas and
    Peucker 1973).

    Args:
        x: Across, as a share of the frame's width.
        y: Up, as a share of its height.
        tolerance: In the same unit.
    """
    points = np.column_stack([x, y])
    rows, spans = {0, len(points) - 1}, [(0, len(points) - 1)]
    while spans:
        start, end = spans.pop()
        if end - start < 2:
            continue
        away = _distances(points[start + 1 : end], points[start], points[end])
        farthest = start + 1 + int(np.argmax(away))
        if away.max() > tolerance:
            rows.add(farthest)
            spans += [(start, farthest), (farthest, end)]
    return np.array(sorted(rows))


def _distances(points: ndarray, start: ndarray, end: ndarray) -> Float[ndarray, " point"]:
    """Return how far points are from the piece of line between two others."""
    along = end - start
    place = np.clip((points - start) @ along / max(float(along @ along), 1e-12), 0, 1)
    return np.asarray(np.linalg.norm(points - start - place[:, None] * along, axis=1))
