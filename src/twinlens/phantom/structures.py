"""The structures that dermatologists name, each a map of its strength over the canvas.

What they look like follows the consensus terms of the International Dermoscopy Society (Kittler
et al., J Am Acad Dermatol 2016, 74:1093-1106). They are drawings, not measurements.
"""

from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Float

from twinlens.phantom.canvas import Canvas, Map, Points, clod, ramp

Rng = np.random.Generator


@dataclass
class Layers:
    """How much of each substance the light meets; see `phantom_skin.shade` for their colours."""

    shape: tuple[int, int]
    melanin: Map = field(init=False)
    blood: Map = field(init=False)
    blue: Map = field(init=False)
    white: Map = field(init=False)
    keratin: Map = field(init=False)

    def __post_init__(self) -> None:
        for name in ("melanin", "blood", "blue", "white", "keratin"):
            setattr(self, name, np.zeros(self.shape, np.float32))


@dataclass(frozen=True)
class Outline:
    """Border of a lesion around the origin: an ellipse with harmonics.

    Attributes:
        radius: Mean radius in lesion coordinates.
        stretch: Length over width, along the first axis.
        waves: Relative amplitude of the harmonics 2, 3, ...
        phases: Their phases in radians.
    """

    radius: float
    stretch: float
    waves: Float[np.ndarray, " harmonic"]
    phases: Float[np.ndarray, " harmonic"]

    @classmethod
    def draw(cls, rng: Rng, irregularity: float) -> "Outline":
        """Draw a border whose harmonics have the relative size `irregularity`."""
        order = np.arange(2, 8)
        return cls(
            radius=rng.uniform(0.42, 0.8),
            stretch=rng.uniform(1.0, 1.45),
            waves=rng.normal(0, irregularity, order.size) / np.sqrt(order - 1),
            phases=rng.uniform(0, 2 * np.pi, order.size),
        )

    def edge(self, angle: np.ndarray) -> np.ndarray:
        """Return the border's distance from the origin at each angle, before the stretch."""
        total = np.ones_like(angle)
        for order, (amplitude, phase) in enumerate(zip(self.waves, self.phases, strict=True), 2):
            total += np.float32(amplitude) * np.cos(order * angle + np.float32(phase))
        return np.asarray(np.float32(self.radius) * np.maximum(total, np.float32(0.3)))

    def depth(self, canvas: Canvas) -> Map:
        """Return 1 at the origin, 0 on the border, negative outside."""
        u, v = canvas.uv
        long = np.float32(np.sqrt(self.stretch))
        x, y = u / long, v * long
        return np.asarray(1 - np.sqrt(x * x + y * y) / self.edge(np.arctan2(y, x)))

    def at(self, reach: np.ndarray, angle: np.ndarray) -> Points:
        """Return the points at `angle` and at the fraction `reach` of the way to the border."""
        r = reach * self.edge(angle)
        long = np.sqrt(self.stretch)
        return np.stack([r * np.cos(angle) * long, r * np.sin(angle) / long], axis=-1)

    def scatter(self, rng: Rng, count: int, low: float = 0.0, high: float = 0.85) -> Points:
        """Draw points, uniform by area, between two fractions of the way to the border."""
        reach = np.sqrt(rng.uniform(low**2, high**2, count))
        return self.at(reach, rng.uniform(0, 2 * np.pi, count))

    def lattice(self, rng: Rng, spacing: float, *, jitter: float, high: float = 0.95) -> Points:
        """Fill the outline with a hexagonal lattice, each point moved by `jitter` spacings."""
        steps = np.arange(-12, 13)
        i, j = (grid.ravel() for grid in np.meshgrid(steps, steps))
        points = spacing * np.stack([i + 0.5 * j, np.sqrt(0.75) * j], axis=1)
        points += spacing * jitter * rng.normal(size=points.shape)
        turn = rng.uniform(0, np.pi)
        points = points @ np.array([[np.cos(turn), np.sin(turn)], [-np.sin(turn), np.cos(turn)]])
        long = np.sqrt(self.stretch)
        x, y = points[:, 0] / long, points[:, 1] * long
        inside = np.hypot(x, y) < high * self.edge(np.arctan2(y, x))
        return np.asarray(points[inside])


def network(rng: Rng, canvas: Canvas, *, period: float, disorder: float, line: float) -> Map:
    """Draw a pigment network: a honeycomb of lines around paler holes.

    Args:
        rng: Source of its orientation and its distortion.
        canvas: Where to draw.
        period: Distance of neighbouring holes.
        disorder: Distortion in periods; .05 is a typical network, .4 an atypical one.
        line: Share of the lines; 0 is balanced, below is finer.
    """
    u, v = canvas.uv
    bend = 5 * period
    x = u + disorder * period * canvas.waves(rng, bend)
    y = v + disorder * period * canvas.waves(rng, bend)
    turn = rng.uniform(0, np.pi)
    total = np.zeros_like(u)
    for third in range(3):
        angle = turn + third * 2 * np.pi / 3
        k = 2 * np.pi / (period * np.sqrt(0.75))
        total += np.cos(np.float32(k * np.cos(angle)) * x + np.float32(k * np.sin(angle)) * y)
    total += np.float32(0.35 + disorder) * canvas.waves(rng, 2 * period)
    return ramp(total, line + 0.6, line - 1.0)


def globules(
    rng: Rng,
    canvas: Canvas,
    points: Points,
    radius: float,
    *,
    spread: float,
    stretch: float = 1.2,
    wobble: float = 0.08,
) -> Map:
    """Draw a roundish clod at each point; `spread` is the relative deviation of their size."""
    sizes = radius * np.exp(spread * rng.normal(size=len(points)))
    levels = rng.uniform(0.65, 1, len(points))
    bodies = [
        clod(rng, point, size, stretch=stretch, wobble=wobble)
        for point, size in zip(points, sizes, strict=True)
    ]
    return canvas.shapes(bodies, levels.tolist())


def rings(canvas: Canvas, points: Points, radius: float, width: float) -> Map:
    """Draw a circle around each point."""
    angle = np.linspace(0, 2 * np.pi, 17)
    circle = radius * np.stack([np.cos(angle), np.sin(angle)], axis=1)
    return canvas.strokes([point + circle for point in points], [width] * len(points))


def streaks(rng: Rng, canvas: Canvas, outline: Outline, *, sector: float, count: int) -> Map:
    """Draw radial projections with bulbous tips (pseudopods) along a sector of the border."""
    start = rng.uniform(0, 2 * np.pi)
    angle = start + np.sort(rng.uniform(0, sector, count))
    foot = outline.at(rng.uniform(0.72, 0.85, count), angle)
    tip = outline.at(rng.uniform(1.05, 1.25, count), angle + rng.normal(0, 0.05, count))
    lines = canvas.strokes(
        [np.stack(pair) for pair in zip(foot, tip, strict=True)], [0.045] * count
    )
    return np.asarray(np.maximum(lines, globules(rng, canvas, tip, 0.04, spread=0.2)))


def patch(rng: Rng, canvas: Canvas, centre: Points, radius: float, *, soft: float) -> Map:
    """Draw a structureless area with an uneven, more or less soft border."""
    u, v = canvas.uv
    x, y = u - np.float32(centre[0]), v - np.float32(centre[1])
    reach = np.sqrt(x * x + y * y) / np.float32(radius) + 0.16 * canvas.waves(rng, 0.35)
    return ramp(reach, 1 + soft, 1 - soft)


def vessel_tree(
    rng: Rng, start: Points, heading: float, width: float, *, length: float = 0.5
) -> tuple[list[Points], list[float]]:
    """Grow an arborising vessel: a stem that forks into ever finer branches.

    Returns:
        Its lines and their widths.
    """
    steps = 7
    turns = heading + np.cumsum(rng.normal(0, 0.22, steps))
    path = start + np.cumsum(
        (length / steps) * np.stack([np.cos(turns), np.sin(turns)], axis=1), axis=0
    )
    line = np.vstack([start, path])
    lines, widths = [line], [width]
    if width < 0.014:
        return lines, widths
    for side in (-1, 1):
        fork = int(rng.integers(3, steps + 1))
        more = vessel_tree(
            rng,
            line[fork],
            turns[fork - 1] + side * rng.uniform(0.4, 1.0),
            width * rng.uniform(0.55, 0.75),
            length=length * rng.uniform(0.55, 0.85),
        )
        lines += more[0]
        widths += more[1]
    return lines, widths


def coiled_vessels(rng: Rng, canvas: Canvas, points: Points, radius: float) -> Map:
    """Draw looped and coiled (hairpin, glomerular) vessels, one at each point."""
    lines = []
    for point in points:
        turns = rng.uniform(0.55, 1.6)
        angle = rng.uniform(0, 2 * np.pi) + np.linspace(0, 2 * np.pi * turns, 14)
        r = radius * np.linspace(1, 0.45, 14)
        lines.append(point + np.stack([r * np.cos(angle) * 1.4, r * np.sin(angle)], axis=1))
    return canvas.strokes(lines, [0.028] * len(lines))


def fissures(rng: Rng, canvas: Canvas, length: float) -> Map:
    """Draw the furrows between ridges (cerebriform pattern): where a smooth field crosses 0."""
    return ramp(np.abs(canvas.waves(rng, length)), 0.32, 0.08)


def scale(rng: Rng, canvas: Canvas, points: Points) -> Map:
    """Draw flakes of surface scale: angular, layered, of uneven brightness."""
    flakes, levels = [], rng.uniform(0.35, 1.0, len(points)).tolist()
    for point in points:
        corners = int(rng.integers(4, 7))
        angle = np.sort(rng.uniform(0, 2 * np.pi, corners))
        r = rng.uniform(0.03, 0.13, corners)
        flakes.append(point + np.stack([r * np.cos(angle), r * np.sin(angle)], axis=1))
    return canvas.shapes(flakes, levels)
