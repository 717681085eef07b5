"""Errors and unusual images, with what speaks for each prediction, and the nearest images."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
from numpy import ndarray
from PIL import Image

from twinlens.errors import UserError
from twinlens.records.examples import EXAMPLES, PICTURES, Example, Examples
from twinlens.reporting.evaluation.load_evaluation import StoredEvaluation
from twinlens.reporting.pictures import jpeg_uri
from twinlens.types import PackedImage

_OPACITY = 0.6  # of the strongest places of a heat map


@dataclass(frozen=True)
class Shown:
    """An example with its pictures as data URIs; no heat map where there is none."""

    example: Example
    picture: str
    heat: str
    nearest: list[str]


def content(evaluation: StoredEvaluation) -> dict[str, Any]:
    """Return what the template shows.

    Raises:
        UserError: The pictures are missing or damaged.
    """
    path = evaluation.folder / EXAMPLES
    if not path.is_file():
        return {"kinds": {}}
    stored = Examples.read(path)
    shown = shown_examples(evaluation.folder, stored)
    kinds = {kind: [shown[at] for at in places] for kind, places in stored.kinds.items()}
    present = {example.label for example in stored.examples}
    return {
        "kinds": {kind: some for kind, some in kinds.items() if some},
        "example_classes": [name for name in evaluation.record.classes if name in present],
        "heat_note": stored.note,
        "threshold": stored.threshold,
        "several": len(evaluation.record.data) > 1,
    }


def shown_examples(folder: Path, stored: Examples) -> list[Shown]:
    """Return the examples of a folder with their pictures.

    Raises:
        UserError: The pictures are missing or damaged.
    """
    path = folder / PICTURES
    try:
        with np.load(path) as file:
            images, heat, nearest = (file[name] for name in ("images", "heat", "nearest"))
    except (OSError, ValueError, KeyError) as error:
        raise UserError(
            f"{path} cannot be read ({error}): evaluate again with --overwrite."
        ) from error
    return [
        Shown(
            example,
            jpeg_uri(Image.fromarray(images[at])),
            jpeg_uri(overlay(images[at], heat[at])) if len(heat) else "",
            [jpeg_uri(Image.fromarray(near)) for near in nearest[at]],
        )
        for at, example in enumerate(stored.examples)
    ]


def overlay(image: PackedImage, heat: ndarray) -> Image.Image:
    """Draw a heat map over an image: the stronger a place, the more of the image it covers.

    Args:
        image: RGB, shape (side, side, 3).
        heat: From 0 to 255, shape (side, side).
    """
    strength = heat[..., None] / 255
    colours = mpl.colormaps["inferno"](heat)[..., :3] * 255
    blended = image * (1 - _OPACITY * strength) + colours * _OPACITY * strength
    return Image.fromarray(blended.round().astype(np.uint8))
