"""Phantom images: SYNTHETIC dermatoscopic photographs of the eight ISIC-2019 diagnoses.

Nothing here comes from a patient, and nothing learned here says anything about patients. The
images are drawn by `twinlens.phantom`, so that the whole of Twinlens can be tried, tested and
shown without a download: any number, at any size. `docs/phantom.md` shows them and says how hard
they are.
"""

import json

from PIL import Image

from twinlens.errors import UserError
from twinlens.importing.formats.classes import ISIC_CLASSES
from twinlens.importing.source import Options, Source, SourceKind
from twinlens.phantom.generate import VERSION, phantom_image, phantom_table

DEFAULT_COUNT = 2400
NOTICE = "Synthetic images: a program drew them, and no number here says anything about patients."


def detect(source: str) -> bool:
    """Return whether phantom images are asked for."""
    return source.partition(":")[0] == "phantom"


def read(source: str, options: Options) -> Source:
    """Return a set of phantom images.

    Args:
        source: ``phantom``, ``phantom:COUNT`` or ``phantom:COUNT:SEED``.
        options: Of which only `size` is used.

    Raises:
        UserError: Count or seed is not a number, or the count is 0.
    """
    count, seed = _parse(source)
    table = phantom_table(count, seed)
    numbers = zip(table["lesion"].tolist(), table["photograph"].tolist(), strict=True)
    return Source(
        table=table.drop(columns=["lesion", "photograph"]),
        items=[(VERSION, seed, lesion, photo, options.size) for lesion, photo in numbers],
        read=_recipe,
        decode=_draw,
        classes=list(ISIC_CLASSES),
        class_info={
            name: info.model_copy(update={"title": f"{info.title} (synthetic)"})
            for name, info in ISIC_CLASSES.items()
        },
        notice=NOTICE,
    )


def _recipe(numbers: tuple[int, ...]) -> bytes:
    """Return what an image is drawn from as bytes."""
    return json.dumps(numbers).encode()


def _draw(recipe: bytes) -> Image.Image:
    """Draw the photograph of a recipe."""
    _, seed, lesion, photo, size = json.loads(recipe)
    return Image.fromarray(phantom_image(seed, lesion, photo, size=size))


def _parse(source: str) -> tuple[int, int]:
    """Read ``phantom:COUNT:SEED``, both optional."""
    _, *numbers = source.split(":")
    try:
        count, seed = [*map(int, numbers), *(DEFAULT_COUNT, 0)[len(numbers) :]]
    except ValueError:
        count, seed = 0, 0
    if count < 1:
        raise UserError(
            f"'{source}' is not a set of phantom images: write phantom, phantom:COUNT or "
            "phantom:COUNT:SEED, such as phantom:2400."
        )
    return count, seed


SOURCE = SourceKind("synthetic dermatoscopic images", detect, read)
