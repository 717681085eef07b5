"""The picture of the views that a fine-tuning sees (the paper's Figure 4)."""

from pathlib import Path

from twinlens.data.batches import Batches, reader
from twinlens.data.dataset import Dataset
from twinlens.seeds import derive
from twinlens.types import Rows
from twinlens.views.image_grid import write_picture
from twinlens.views.recipe import ViewRecipe
from twinlens.views.view import clean_view, view

VIEWS = "views.png"

_IMAGES, _STEPS, _SIDE = 8, 3, 96  # so small, as each run of a study keeps one


def write_views(path: Path, data: Dataset, rows: Rows, recipe: ViewRecipe, seed: int) -> None:
    """Write some training images, and below each the views that three steps might make of it.

    Args:
        path: The PNG file; a column an image, shrunk to at most 96 pixels.
        data: Where the images are.
        rows: The labelled training images.
        recipe: Of the views, which test-time augmentation shares.
        seed: That of the training.
    """
    seed = derive(seed, "one-cycle phase")
    some = Batches(rows, batch_size=min(_IMAGES, len(rows)), seed=seed).rows(0)
    images = reader(data.images, some)(some)
    views = [view(images, some, recipe=recipe, seed=seed, step=step) for step in range(_STEPS)]
    side = min(_SIDE, data.size)
    write_picture(path, [clean_view(line, side) for line in (images, *views)])
