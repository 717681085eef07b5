"""SYNTHETIC images: drawings of skin lesions (``phantom``) and of six textures (``textures``).

Nothing here comes from a patient, and nothing learned here says anything about patients. The
images are drawn by `twinlens.phantom`, so that the whole of Twinlens can be tried, tested and
shown without a download: any number, at any size. `docs/phantom.md` shows them and says how hard
they are.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
from PIL import Image

from twinlens.errors import UserError
from twinlens.importing.formats.classes import ISIC_CLASSES
from twinlens.importing.source import Options, Source, SourceKind
from twinlens.phantom import generate, textures
from twinlens.records.dataset import ClassInfo

NOTICE = "Synthetic images: a program drew them, and no number here says anything about patients."


@dataclass(frozen=True)
class _Drawings:
    """A set of synthetic images.

    Attributes:
        table: Function of count and seed that lists the images.
        draw: Function of the seed, the `keys` of an image and the size that draws it.
        keys: Columns of the table that identify an image.
        version: Of what is drawn.
        count: Number of images if none is given.
        classes: Class names in order.
        class_info: What is known of them.
    """

    table: Callable[[int, int], pd.DataFrame]
    draw: Callable[..., np.ndarray]
    keys: Sequence[str]
    version: int
    count: int
    classes: Sequence[str]
    class_info: Mapping[str, ClassInfo] = field(default_factory=dict)


_SETS = {
    "phantom": _Drawings(
        table=generate.phantom_table,
        draw=generate.phantom_image,
        keys=("lesion", "photograph"),
        version=generate.VERSION,
        count=2400,
        classes=list(ISIC_CLASSES),
        class_info={
            name: info.model_copy(update={"title": f"{info.title} (synthetic)"})
            for name, info in ISIC_CLASSES.items()
        },
    ),
    "textures": _Drawings(
        table=textures.texture_table,
        draw=textures.texture_image,
        keys=("number",),
        version=textures.VERSION,
        count=4500,
        classes=textures.TEXTURES,
    ),
}


def detect(source: str) -> bool:
    """Return whether synthetic images are asked for."""
    return source.partition(":")[0] in _SETS


def read(source: str, options: Options) -> Source:
    """Return a set of synthetic images.

    Args:
        source: ``phantom`` or ``textures``, with ``:COUNT`` or ``:COUNT:SEED`` after it.
        options: Of which only `size` is used.

    Raises:
        UserError: Count or seed is not a number, or the count is 0.
    """
    name, count, seed = _parse(source)
    drawings = _SETS[name]
    keys = list(drawings.keys)
    table = drawings.table(count, seed)
    return Source(
        table=table.drop(columns=keys),
        items=[
            (name, drawings.version, options.size, seed, *key)
            for key in table[keys].to_numpy().tolist()
        ],
        read=_recipe,
        decode=_draw,
        classes=list(drawings.classes),
        class_info=drawings.class_info,
        notice=NOTICE,
    )


def _recipe(recipe: tuple[Any, ...]) -> bytes:
    """Return what an image is drawn from as bytes."""
    return json.dumps(recipe).encode()


def _draw(content: bytes, *, side: int | None = None) -> Image.Image:  # noqa: ARG001
    """Draw the image of a recipe."""
    name, _, size, *numbers = json.loads(content)
    return Image.fromarray(_SETS[name].draw(*numbers, size=size))


def _parse(source: str) -> tuple[str, int, int]:
    """Read ``NAME:COUNT:SEED``, of which count and seed are optional."""
    name, *numbers = source.split(":")
    try:
        count, seed = [*map(int, numbers), *(_SETS[name].count, 0)[len(numbers) :]]
    except ValueError:
        count, seed = 0, 0
    if count < 1:
        raise UserError(
            f"'{source}' is not a set of synthetic images: write {name}, {name}:COUNT or "
            f"{name}:COUNT:SEED, such as {name}:2400."
        )
    return name, count, seed


SOURCE = SourceKind("synthetic images", detect, read)
