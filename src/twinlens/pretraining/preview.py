"""A picture of views, before anything is trained (Figure 9 of the paper)."""

from pathlib import Path

import numpy as np

from twinlens.data.batches import Batches, reader
from twinlens.data.class_subset import open_task
from twinlens.data.dataset import Dataset
from twinlens.errors import UserError
from twinlens.pretraining.images import IMAGES
from twinlens.pretraining.methods import METHODS
from twinlens.pretraining.partners import find_partners
from twinlens.pretraining.validate import resolve_settings
from twinlens.requests.base import accepts
from twinlens.requests.show_views import ShowViewsRequest
from twinlens.seeds import derive
from twinlens.settings.pretraining import Pretraining
from twinlens.types import Rows
from twinlens.views.image_grid import check_picture, write_picture
from twinlens.views.view import planned_views


@accepts(ShowViewsRequest)
def show_views(request: ShowViewsRequest) -> Path:
    """Draw some images, and below each the views that a pretraining would see of it.

    Returns:
        The picture.

    Raises:
        UserError: A name or a setting is wrong, or the picture cannot be written.
    """
    config = resolve_settings(request.preset, request.changed_settings(), request.images)
    if request.count < 1:
        raise UserError(f"--count {request.count}: choose 1 or more images.")
    path = Path(request.out)
    check_picture(path, overwrite=request.overwrite)
    data, split = open_task(request.dataset, request.split, config.classes)
    rows = IMAGES[request.images].rows(split)
    write_views(path, data, rows, config, seed=request.seed, count=request.count)
    return path


def write_views(
    path: Path, data: Dataset, rows: Rows, config: Pretraining, *, seed: int, count: int = 8
) -> None:
    """Draw the first images of a pretraining, with the views of its first step of one-cycle.

    Args:
        path: The PNG file; one column per image: the image, view 1, view 2 and further ones.
        data: Where the images are.
        rows: The images that the pretraining sees.
        config: Names the method, the recipe of views and their size.
        seed: The seed of the pretraining.
        count: Number of images, or all of `rows` if there are fewer.
    """
    plan = METHODS[config.method].views(config, config.image_size or data.size)
    seed = derive(seed, "one-cycle phase")
    shown = Batches(rows, batch_size=min(count, len(rows)), seed=seed).rows(0)
    partners = find_partners(config, data, rows)
    others = partners.of(shown, seed=seed, step=0) if partners else shown
    read = reader(data.images, np.concatenate([shown, others]))
    views = planned_views(read(shown), shown, plan=plan, seed=seed, step=0, partners=read(others))
    write_picture(path, [read(shown), *views])
