"""Phantom images: SYNTHETIC dermatoscopic photographs of the eight ISIC-2019 diagnoses.

The image of a photograph is a function of (seed, lesion number, photograph number) alone, so
that any part of a set can be drawn, in any order, and a larger set begins with the smaller ones.
"""

import itertools
from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
from jaxtyping import UInt8
from scipy.ndimage import gaussian_filter

from twinlens import seeds
from twinlens.phantom.canvas import Canvas
from twinlens.phantom.lesions import add_incidental, lesion_layers
from twinlens.phantom.photograph import (
    Photograph,
    draw_skin_tone,
    photograph,
    shade,
    skin,
)

VERSION = 1  # of what is drawn: a change of any pixel raises it

# Lesions of each class in a block of 20: nevi most, as in a clinic, but less so.
FREQUENCY = {"AK": 2, "BCC": 3, "BKL": 3, "DF": 1, "MEL": 3, "NV": 5, "SCC": 2, "VASC": 1}
# Shares of lesions photographed once, twice and three times.
_PHOTOGRAPHS = (0.65, 0.25, 0.10)
# The splits of the lesions of a class, in turn: 25 % train, 10 % val, 25 % test, 40 % unlabelled.
_TURN = {"t": "train", "v": "val", "e": "test", "u": "unlabelled"}
_TURNS = "teuvuteuuteuvuteuteu"

_FINEST = 128  # smaller images are drawn at this size or more, and averaged


def phantom_table(count: int, seed: int) -> pd.DataFrame:
    """List a set's photographs, lesion by lesion.

    Args:
        count: Number of photographs.
        seed: Seed of the set; the first rows are those of any smaller set.

    Returns:
        One row per photograph: ``id``, ``label``, ``group`` (the lesion), ``split``, ``lesion`` and
        ``photograph`` (numbers), and the nuisances ``skin_tone`` (Fitzpatrick type), ``hairs``,
        ``bubbles``, ``ruler``, ``vignette``.
    """
    return pd.DataFrame(itertools.islice(_photographs(seed), count))


def phantom_image(
    seed: int, lesion: int, photo: int, *, label: str | None = None, size: int
) -> UInt8[np.ndarray, "size size 3"]:
    """Draw one photograph.

    Args:
        seed: Seed of the set.
        lesion: Number of the lesion.
        photo: Number of its photograph; any number is possible.
        label: Diagnosis; None for the one that the lesion has in its set.
        size: Side in pixels.

    Returns:
        RGB image, uint8.
    """
    shot = _shot(seed, lesion, photo)
    finer = -(-_FINEST // size)
    canvas = Canvas(size * finer, shot.angle, shot.zoom, shot.centre)
    tone, skin_rng = _skin(seed, lesion)
    lesion_rng = seeds.generator(seed, "phantom lesion", lesion)
    layers = lesion_layers(lesion_rng, canvas, label or lesion_label(seed, lesion))
    add_incidental(seeds.generator(seed, "phantom incidental", lesion), canvas, layers)
    colour = shade(skin(skin_rng, canvas, tone), layers)
    rng = seeds.generator(seed, "phantom details", lesion, photo)
    colour = photograph(rng, colour, shot)
    spread = shot.blur * canvas.pixels
    colour = gaussian_filter(colour, (spread, spread, 0), truncate=3)
    colour = colour.reshape(size, finer, size, finer, 3).mean(axis=(1, 3))
    colour += np.float32(shot.noise) * rng.standard_normal(colour.shape, np.float32)
    return np.asarray(np.round(255 * np.clip(colour, 0, 1)), np.uint8)


def lesion_label(seed: int, lesion: int) -> str:
    """Return a lesion's diagnosis; each block of 20 lesions holds `FREQUENCY`, shuffled."""
    return _diagnosis(seed, lesion)[0]


def _diagnosis(seed: int, lesion: int) -> tuple[str, int]:
    """Return a lesion's class, and its number among the lesions of that class."""
    names = [name for name, times in FREQUENCY.items() for _ in range(times)]
    block, place = divmod(lesion, len(names))
    order = seeds.generator(seed, "phantom labels", block).permutation(len(names))
    label = names[order[place]]
    earlier = sum(names[i] == label for i in order[:place])
    return label, block * FREQUENCY[label] + earlier


def _photographs(seed: int) -> Iterator[dict[str, Any]]:
    for lesion in itertools.count():
        label, number = _diagnosis(seed, lesion)
        group = f"phantom-{seed}-{lesion:06d}"
        times = seeds.generator(seed, "phantom count", lesion).choice(3, p=_PHOTOGRAPHS) + 1
        for photo in range(times):
            shot = _shot(seed, lesion, photo)
            yield {
                "id": f"{group}-{photo}",
                "label": label,
                "group": group,
                "split": _TURN[_TURNS[number % len(_TURNS)]],
                "lesion": lesion,
                "photograph": photo,
                "skin_tone": round(_skin(seed, lesion)[0]),
                "hairs": shot.hairs,
                "bubbles": shot.bubbles,
                "ruler": shot.ruler,
                "vignette": shot.vignette,
            }


def _shot(seed: int, lesion: int, photo: int) -> Photograph:
    return Photograph.draw(seeds.generator(seed, "phantom photograph", lesion, photo))


def _skin(seed: int, lesion: int) -> tuple[float, np.random.Generator]:
    """Return the tone of the skin around a lesion, and the generator of its texture."""
    rng = seeds.generator(seed, "phantom skin", lesion)
    return draw_skin_tone(rng), rng
