"""From substances to a photograph: skin, colours, hair, gel bubbles, ruler, lighting, vignette.

None of this knows the diagnosis. What varies from photograph to photograph is drawn apart from
being applied, so that the table can list it without drawing a pixel.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from twinlens.phantom.canvas import Canvas, Map, ramp
from twinlens.phantom.structures import Layers, Rng

Colour = Float[np.ndarray, "height width 3"]

# Fitzpatrick types 1 to 6 under a dermatoscope, and how often each occurs.
_SKIN = np.array(
    [
        [0.94, 0.80, 0.74],
        [0.91, 0.74, 0.65],
        [0.85, 0.65, 0.52],
        [0.72, 0.51, 0.39],
        [0.54, 0.36, 0.27],
        [0.36, 0.24, 0.19],
    ]
)
_SKIN_FREQUENCY = (0.22, 0.28, 0.22, 0.14, 0.08, 0.06)

# Absorbance for red, green and blue light at strength 1.
_MELANIN = np.array([0.75, 1.15, 1.5], np.float32)
_BLOOD = np.array([0.22, 1.15, 1.0], np.float32)
# What shows where light is scattered back before it reaches the skin below.
_BLUE = np.array([0.36, 0.42, 0.55], np.float32)
_WHITE = np.array([0.97, 0.90, 0.88], np.float32)
_KERATIN = np.array([0.90, 0.76, 0.50], np.float32)

_INK = np.array([0.08, 0.08, 0.10], np.float32)
_DARK_HAIR = np.array([0.13, 0.09, 0.07], np.float32)
_BLOND_HAIR = np.array([0.62, 0.48, 0.32], np.float32)


@dataclass(frozen=True)
class Photograph:
    """What varies from one photograph of a lesion to the next.

    Attributes:
        angle: Turn of the lesion in radians.
        zoom: Enlargement.
        centre: Place of the lesion in the frame [-1, 1]².
        hairs: Number of hairs.
        bubbles: Number of gel bubbles.
        ruler: Whether a ruler's marks are in the frame.
        vignette: none, soft (light falls off) or black (the dermatoscope's round aperture).
        balance: Gain of red, green and blue: exposure and white balance.
        slope: Change of the light from the frame's centre to its right and lower edges.
        gamma: The camera's tone curve.
        blur: Focus, as a standard deviation in frame widths.
        noise: Standard deviation of the sensor's noise.
    """

    angle: float
    zoom: float
    centre: tuple[float, float]
    hairs: int
    bubbles: int
    ruler: bool
    vignette: str
    balance: tuple[float, float, float]
    slope: tuple[float, float]
    gamma: float
    blur: float
    noise: float

    @classmethod
    def draw(cls, rng: Rng) -> "Photograph":
        """Draw a photograph, independent of the diagnosis."""
        exposure = np.exp(rng.normal(0, 0.15))
        warmth, tint = rng.normal(0, 0.1, 2)
        few, many = rng.integers([2, 10], [9, 26]).tolist()
        return cls(
            angle=rng.uniform(0, 2 * np.pi),
            zoom=np.exp(rng.normal(0, 0.15)),
            centre=(rng.uniform(-0.35, 0.35), rng.uniform(-0.35, 0.35)),
            hairs=int(rng.choice([0, few, many], p=[0.5, 0.35, 0.15])),
            bubbles=int(rng.integers(2, 8)) * int(rng.random() < 0.25),
            ruler=bool(rng.random() < 0.2),
            vignette=str(rng.choice(["none", "soft", "black"], p=[0.5, 0.3, 0.2])),
            balance=(exposure * np.exp(warmth), exposure, exposure * np.exp(tint - warmth)),
            slope=(rng.normal(0, 0.12), rng.normal(0, 0.12)),
            gamma=np.exp(rng.normal(0, 0.15)),
            blur=rng.uniform(0.002, 0.009),
            noise=rng.uniform(0.003, 0.02),
        )


def draw_skin_tone(rng: Rng) -> float:
    """Draw a skin tone between Fitzpatrick type 1 and type 6."""
    kind = rng.choice(6, p=_SKIN_FREQUENCY) + 1
    return float(np.clip(kind + rng.uniform(-0.5, 0.5), 1, 6))


def skin(rng: Rng, canvas: Canvas, tone: float) -> Colour:
    """Draw healthy skin: its tone, mottled, with fine furrows."""
    base = np.array([np.interp(tone - 1, np.arange(6), channel) for channel in _SKIN.T])
    mottle = 0.03 * canvas.waves(rng, 0.9) + 0.015 * canvas.waves(rng, 0.2)
    furrow = ramp(np.abs(canvas.waves(rng, 0.3)), 0.25, 0.0) * np.float32(rng.uniform(0, 0.08))
    flush = 0.04 * canvas.waves(rng, 0.8)
    colour = base.astype(np.float32) * (1 + mottle - furrow)[..., None]
    return np.asarray(colour * np.exp(-flush[..., None] * _BLOOD))


def shade(colour: Colour, layers: Layers) -> Colour:
    """Put a lesion's substances on the skin: absorb first (Beer-Lambert), then scatter."""
    absorbance = layers.melanin[..., None] * _MELANIN + layers.blood[..., None] * _BLOOD
    colour = colour * np.exp(-absorbance)
    for veil, tone in ((layers.blue, _BLUE), (layers.keratin, _KERATIN), (layers.white, _WHITE)):
        colour += np.clip(veil, 0, 1)[..., None] * (tone - colour)
    return colour


def photograph(rng: Rng, colour: Colour, photo: Photograph) -> Colour:
    """Add what lies on the skin, and take the picture.

    Args:
        rng: Source of where hairs, bubbles and marks lie.
        colour: The skin and the lesion; overwritten.
        photo: The photograph.
    """
    frame = Canvas(colour.shape[0])
    x, y = frame.uv
    if photo.hairs:
        _cover(colour, _hairs(rng, frame, photo.hairs), _hair_colour(rng))
    if photo.ruler:
        _cover(colour, np.float32(0.8) * _ruler(rng, frame), _INK)
    if photo.bubbles:
        _cover(colour, _bubbles(rng, frame, photo.bubbles), np.ones(3, np.float32))
    light = 1 + np.float32(photo.slope[0]) * x + np.float32(photo.slope[1]) * y
    reach = np.sqrt(x * x + y * y)
    if photo.vignette == "soft":
        light = light * (1 - np.float32(rng.uniform(0.25, 0.6)) * ramp(reach, 0.6, 1.5))
    colour *= light[..., None] * np.array(photo.balance, np.float32)
    np.clip(colour, 0, 1, out=colour)
    colour **= np.float32(photo.gamma)
    if photo.vignette == "black":
        edge = rng.uniform(0.98, 1.2)
        colour *= (0.02 + 0.98 * ramp(reach, edge + 0.03, edge - 0.03))[..., None]
    return colour


def _cover(colour: Colour, veil: Map, tone: Float[np.ndarray, "3"]) -> None:
    colour += veil[..., None] * (tone - colour)


def _hair_colour(rng: Rng) -> Float[np.ndarray, "3"]:
    fair = np.float32(rng.choice([0, 0.15, 1], p=[0.5, 0.3, 0.2]))
    return np.asarray(_DARK_HAIR + fair * (_BLOND_HAIR - _DARK_HAIR))


def _hairs(rng: Rng, frame: Canvas, count: int) -> Map:
    """Draw hairs: long, slightly curved, mostly in one direction."""
    t = np.linspace(0, 1, 12)[:, None]
    lines = []
    lie = rng.uniform(0, np.pi)
    for _ in range(count):
        angle = lie + rng.normal(0, 0.35)
        along = np.array([np.cos(angle), np.sin(angle)])
        across = np.array([-along[1], along[0]])
        middle = rng.uniform(-1, 1, 2)
        half, bow = rng.uniform(0.4, 1.4), rng.normal(0, 0.3)
        lines.append(middle + (2 * t - 1) * half * along + bow * (2 * t - 1) ** 2 * across)
    widths = (rng.uniform(0.012, 0.026) * rng.uniform(0.7, 1.2, count)).tolist()
    return np.float32(0.9) * frame.strokes(lines, widths)


def _bubbles(rng: Rng, frame: Canvas, count: int) -> Map:
    """Draw gel bubbles: a bright rim, a faint inside, a highlight."""
    x, y = frame.uv
    veil = np.zeros_like(x)
    for _ in range(count):
        centre, radius = rng.uniform(-1, 1, 2), rng.uniform(0.04, 0.15)
        dx, dy = x - np.float32(centre[0]), y - np.float32(centre[1])
        reach = np.sqrt(dx * dx + dy * dy) / np.float32(radius)
        shine = np.sqrt((dx + radius / 3) ** 2 + (dy + radius / 3) ** 2) / np.float32(radius)
        rim = ramp(np.abs(reach - 1), 0.25, 0.0) * np.float32(rng.uniform(0.3, 0.6))
        veil = np.maximum(veil, rim + 0.08 * ramp(reach, 1, 0.9) + 0.7 * ramp(shine, 0.3, 0.1))
    return np.asarray(np.clip(veil, 0, 1))


def _ruler(rng: Rng, frame: Canvas) -> Map:
    """Draw a ruler's marks along one of the frame's edges."""
    edge, side = rng.uniform(0.72, 0.92), int(rng.integers(4))
    at = np.arange(-1.2, 1.2, 0.1) + rng.uniform(0, 0.1)
    length = np.where(np.arange(at.size) % 5 == rng.integers(5), 0.16, 0.08)
    turn = np.array([[0, -1], [1, 0]])
    turn = np.linalg.matrix_power(turn, side)
    lines = [
        np.array([[place, edge], [place, edge + mark]]) @ turn
        for place, mark in zip(at, length, strict=True)
    ]
    return frame.strokes(lines, [0.018] * len(lines))
