"""The picture of pairs of views, before anything is trained (the paper's Figure 9)."""

from pathlib import Path
from typing import Any

from twinlens.data.batches import Batches, reader
from twinlens.data.class_subset import open_task
from twinlens.data.dataset import Dataset
from twinlens.errors import UserError
from twinlens.pretraining.config import Pretraining
from twinlens.pretraining.images import IMAGES
from twinlens.pretraining.validate import checked
from twinlens.seeds import derive
from twinlens.types import Rows
from twinlens.views.image_grid import check_picture, write_picture
from twinlens.views.recipes import named_pair, two_views


def show_views(
    dataset: Path | str,
    path: Path | str,
    *,
    images: str = "unlabelled",
    preset: str = "recommended",
    settings: dict[str, Any] | None = None,
    split: str | None = None,
    seed: int = 0,
    count: int = 8,
    overwrite: bool = False,
) -> Path:
    """Show what a pretraining would see: some images, and below each its two views.

    Args:
        dataset: Folder of an imported data set.
        path: The PNG file to write.
        images: A name in `IMAGES`.
        preset: "robust", "paper" or "paper-code".
        settings: What differs from the preset, as for `pretrain`.
        split: Name of the split; None for the only one.
        seed: That of the pretraining.
        count: Images to show, or all where there are fewer.
        overwrite: Replace `path`.

    Returns:
        The file `path`.

    Raises:
        UserError: A name or a setting is wrong, or `path` cannot be written.
    """
    config = checked(preset, settings or {}, images)
    if count < 1:
        raise UserError(f"A picture of {count} images shows nothing: set count to 1 or more.")
    path = Path(path)
    check_picture(path, overwrite=overwrite)
    data, chosen = open_task(dataset, split, config.classes)
    write_views(path, data, IMAGES[images](chosen), config, seed, count)
    return path


def write_views(
    path: Path, data: Dataset, rows: Rows, config: Pretraining, seed: int, count: int = 8
) -> None:
    """Write the first images of a pretraining with the views of its first step, encoder unfrozen.

    Args:
        path: The PNG file; a column an image: as it is, view 1, view 2.
        data: Where the images are.
        rows: The images that the pretraining sees.
        config: Names the recipe of views.
        seed: That of the pretraining.
        count: Images to show, or all of `rows` where there are fewer.
    """
    recipes = named_pair(config.views, config.view_changes)
    seed = derive(seed, "one-cycle phase")
    some = Batches(rows, batch_size=min(count, len(rows)), seed=seed).rows(0)
    images = reader(data.images, some)(some)
    views = two_views(images, some, recipes=recipes, seed=seed, step=0)
    write_picture(path, [images, *views])
