"""Texture images: SYNTHETIC spots of six textures, small and quick to draw.

The class is the texture alone: colour, size, place, orientation, light and hairs are drawn without
knowing it. So a few labels hardly tell a texture from what varies around it, while many images
without labels show what stays the same, which is what a self-supervised method learns.

As in `phantom.generate`, an image is a function of (seed, number) alone.
"""

from dataclasses import replace

import numpy as np
import pandas as pd
from jaxtyping import UInt8

from twinlens import seeds
from twinlens.phantom import structures as draw
from twinlens.phantom.canvas import Canvas, Map, ramp
from twinlens.phantom.photograph import Photograph, draw_skin_tone, photograph, shade, skin
from twinlens.phantom.structures import Layers, Outline, Rng

VERSION = 1  # of what is drawn: a change of any pixel raises it

TEXTURES = ("globules", "network", "none", "ridges", "rings", "streaks")

# The splits of the images of a class, in turn: few have a label that may be used,
# 2.5 % in train and 2.5 % in val; 20 % are for the test, 75 % are unlabelled.
_SPLITS = {"t": "train", "v": "val", "e": "test", "u": "unlabelled"}
_TURNS = "teuuuvuueuuuueuuueuuuueuuuueuuuuueuuueuu"
_FINER = 2  # images are drawn at twice their size, and averaged


def texture_table(count: int, seed: int) -> pd.DataFrame:
    """List the images of a set; the first rows are those of any smaller set.

    Args:
        count: Number of images; each shows a spot of its own.
        seed: Seed of the set.

    Returns:
        One row per image: ``id``, ``label``, ``group``, ``split`` and ``number``.
    """
    numbers = range(count)
    names = [f"texture-{seed}-{number:06d}" for number in numbers]
    turns = [_TURNS[number // len(TEXTURES) % len(_TURNS)] for number in numbers]
    return pd.DataFrame(
        {
            "id": names,
            "label": [texture_of(seed, number) for number in numbers],
            "group": names,
            "split": [_SPLITS[turn] for turn in turns],
            "number": numbers,
        }
    )


def texture_of(seed: int, number: int) -> str:
    """Return the class of an image; each block of six images holds every texture once, shuffled."""
    block, place = divmod(number, len(TEXTURES))
    order = seeds.generator(seed, "texture labels", block).permutation(len(TEXTURES))
    return TEXTURES[order[place]]


def texture_image(
    seed: int, number: int, *, label: str | None = None, size: int
) -> UInt8[np.ndarray, "size size 3"]:
    """Draw one image.

    Args:
        seed: Seed of the set.
        number: Number of the image.
        label: Texture; None for the one that the image has in its set.
        size: Side in pixels.

    Returns:
        RGB image, uint8.
    """
    shot = Photograph.draw(seeds.generator(seed, "texture photograph", number))
    canvas = Canvas(size * _FINER, shot.angle, shot.zoom, shot.centre)
    ground = seeds.generator(seed, "texture skin", number)
    spot = seeds.generator(seed, "texture spot", number)
    rng = seeds.generator(seed, "texture details", number)
    layers = _spot(spot, canvas, label or texture_of(seed, number))
    colour = shade(skin(ground, canvas, draw_skin_tone(ground)), layers)
    colour = photograph(rng, colour, shot)
    colour = colour.reshape(size, _FINER, size, _FINER, 3).mean(axis=(1, 3))
    colour += np.float32(shot.noise) * rng.standard_normal(colour.shape, np.float32)
    return np.asarray(np.round(255 * np.clip(colour, 0, 1)), np.uint8)


def _spot(rng: Rng, canvas: Canvas, texture: str) -> Layers:
    """Draw a coloured spot with a texture: brown or pink, darker or paler inwards."""
    layers = Layers((canvas.pixels, canvas.pixels))
    outline = replace(Outline.draw(rng, 0.06), radius=rng.uniform(0.75, 1.0))
    depth = outline.depth(canvas)
    inside = ramp(depth, -0.08, 0.08)
    tone = inside * np.exp(np.float32(rng.normal(0, 0.4)) * (depth - 0.4))
    brown = rng.beta(0.8, 0.8)
    layers.melanin += np.float32(rng.uniform(0.1, 0.6) * brown) * tone
    layers.blood += np.float32(rng.uniform(0.1, 0.6) * (1 - brown)) * tone
    marks = _marks(rng, canvas, outline, texture) * inside * np.float32(rng.uniform(0.7, 1.4))
    brown = rng.beta(0.8, 0.8)
    layers.melanin += np.float32(brown) * marks
    layers.blood += np.float32(1 - brown) * marks
    return layers


def _marks(rng: Rng, canvas: Canvas, outline: Outline, texture: str) -> Map:
    """Draw a texture as a map of its strength."""
    spacing = rng.uniform(0.32, 0.42)
    if texture == "network":
        return draw.network(rng, canvas, period=spacing, disorder=0.12, line=-0.2)
    if texture == "globules":
        points = outline.lattice(rng, spacing, jitter=0.12)
        return draw.globules(rng, canvas, points, 0.3 * spacing, spread=0.1)
    if texture == "ridges":
        return draw.fissures(rng, canvas, rng.uniform(0.6, 0.8))
    if texture == "rings":
        points = outline.lattice(rng, 1.5 * spacing, jitter=0.1)
        return draw.rings(canvas, points, 0.45 * spacing, 0.1)
    if texture == "streaks":
        return _starburst(rng, canvas, outline)
    return np.full((canvas.pixels, canvas.pixels), 0.25, np.float32)  # as dark as the others


def _starburst(rng: Rng, canvas: Canvas, outline: Outline) -> Map:
    """Draw radial lines from around the centre to the border."""
    count = int(rng.integers(8, 12))
    angle = rng.uniform(0, 2 * np.pi) + np.arange(count) * (2 * np.pi / count)
    angle += rng.normal(0, 0.08, count)
    foot = outline.at(rng.uniform(0.3, 0.45, count), angle)
    tip = outline.at(rng.uniform(0.9, 1.0, count), angle)
    lines = [np.stack(pair) for pair in zip(foot, tip, strict=True)]
    return canvas.strokes(lines, [0.1] * count)
