"""The raster on which phantom images are drawn: smooth fields, filled shapes and strokes.

Shapes live in lesion coordinates, a continuous plane in which the photograph's frame reaches from
-1 to 1 when nothing is turned, moved or enlarged. A photograph is a similarity transform of that
plane, so that a lesion can be photographed twice, at any size. One length unit is about a
centimetre.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jaxtyping import Float
from PIL import Image, ImageDraw

Map = Float[np.ndarray, "height width"]
"""Strength of something at each pixel, float32, mostly in [0, 1]."""

Points = Float[np.ndarray, "point 2"]
"""Lesion coordinates, (right, down)."""

_VECTOR_SCALE = 2  # shapes are drawn at twice the raster and averaged


@dataclass(frozen=True)
class Canvas:
    """A raster and the place from which it sees the lesion.

    Attributes:
        pixels: Height and width of the raster.
        angle: Turn of the lesion in radians.
        zoom: Enlargement of the lesion.
        centre: Where the lesion's origin lies in the frame [-1, 1]².
    """

    pixels: int
    angle: float = 0.0
    zoom: float = 1.0
    centre: tuple[float, float] = (0.0, 0.0)

    @cached_property
    def _turn(self) -> Float[np.ndarray, "2 2"]:
        cos, sin = np.cos(self.angle), np.sin(self.angle)
        return np.array([[cos, -sin], [sin, cos]])

    @cached_property
    def _ticks(self) -> Float[np.ndarray, " pixels"]:
        """Frame coordinates of the pixel centres along one axis."""
        return ((np.arange(self.pixels) + 0.5) * (2 / self.pixels) - 1).astype(np.float32)

    @cached_property
    def uv(self) -> tuple[Map, Map]:
        """Lesion coordinates of each pixel."""
        x = self._ticks[None, :] - np.float32(self.centre[0])
        y = self._ticks[:, None] - np.float32(self.centre[1])
        (a, b), (c, d) = (self._turn.T / self.zoom).astype(np.float32)
        return a * x + b * y, c * x + d * y

    def waves(self, rng: np.random.Generator, length: float, *, count: int = 24) -> Map:
        """Draw a smooth random field of mean 0 and variance 1: a sum of plane waves.

        A plane wave is a product of a function of the column and one of the row, so that the sum
        is one small matrix product.

        Args:
            rng: Source of the waves' directions, lengths and phases.
            length: Typical wavelength in lesion coordinates.
            count: Number of waves.
        """
        direction = rng.uniform(0, 2 * np.pi, count)
        number = 2 * np.pi / (length * np.exp(rng.normal(0, 0.35, count)))
        phase = rng.uniform(0, 2 * np.pi, count)
        k = number * np.array([np.cos(direction), np.sin(direction)])
        k = self._turn @ k / self.zoom
        phase = phase - np.asarray(self.centre) @ k
        column = np.outer(k[0], self._ticks).astype(np.float32)
        row = (np.outer(k[1], self._ticks) + phase[:, None]).astype(np.float32)
        total = np.cos(row).T @ np.cos(column) - np.sin(row).T @ np.sin(column)
        return np.asarray(total * np.float32(np.sqrt(2 / count)))

    def shapes(self, outlines: Sequence[Points], levels: Sequence[float] | None = None) -> Map:
        """Fill closed outlines, each with its level (1 by default); later ones lie on top."""
        image, draw = self._blank()
        for i, outline in enumerate(outlines):
            level = 1.0 if levels is None else levels[i]
            draw.polygon(self._place(outline), fill=round(255 * level))
        return self._reduce(image)

    def strokes(self, lines: Sequence[Points], widths: Sequence[float]) -> Map:
        """Draw open lines, each with its width in lesion coordinates."""
        image, draw = self._blank()
        for line, width in zip(lines, widths, strict=True):
            thick = width * self.zoom * image.width / 2
            level = round(255 * min(1.0, thick))  # thinner than a pixel: fainter
            draw.line(self._place(line), fill=level, width=max(1, round(thick)), joint="curve")
        return self._reduce(image)

    def _blank(self) -> tuple[Image.Image, ImageDraw.ImageDraw]:
        side = self.pixels * _VECTOR_SCALE
        image = Image.new("L", (side, side))
        return image, ImageDraw.Draw(image)

    def _place(self, points: Points) -> list[float]:
        frame = self.zoom * points @ self._turn.T + np.asarray(self.centre)
        side = self.pixels * _VECTOR_SCALE
        pixels: list[float] = ((frame + 1) * (side / 2)).ravel().tolist()
        return pixels

    def _reduce(self, image: Image.Image) -> Map:
        return np.asarray(image.reduce(_VECTOR_SCALE), dtype=np.float32) / np.float32(255)


def ramp(values: Map, low: float, high: float) -> Map:
    """Rise smoothly from 0 at `low` to 1 at `high` (or fall, where `high` is the lower)."""
    t = np.clip((values - np.float32(low)) * np.float32(1 / (high - low)), 0, 1)
    return np.asarray(t * t * (3 - 2 * t))


def clod(
    rng: np.random.Generator,
    centre: Points,
    radius: float,
    *,
    stretch: float = 1.0,
    wobble: float = 0.1,
) -> Points:
    """Outline a roundish body.

    Args:
        rng: Source of its orientation and its irregularity.
        centre: Lesion coordinates, shape (2,).
        radius: Mean radius.
        stretch: Ratio of its length to its width.
        wobble: Relative irregularity of the radius.
    """
    angle = np.linspace(0, 2 * np.pi, 20, endpoint=False)
    phase = rng.uniform(0, 2 * np.pi, 3)
    size = rng.normal(0, wobble, 3) / np.array([1.0, 1.5, 2.0])
    r = radius * np.maximum(0.2, 1 + size @ np.cos(np.outer([2, 3, 5], angle) + phase[:, None]))
    long = np.sqrt(stretch)
    body = np.stack([r * np.cos(angle) * long, r * np.sin(angle) / long], axis=1)
    turn = rng.uniform(0, np.pi)
    cos, sin = np.cos(turn), np.sin(turn)
    return np.asarray(body @ np.array([[cos, sin], [-sin, cos]]) + centre)
