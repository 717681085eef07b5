from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from twinlens.data.batches import reader
from twinlens.data.dataset import open_dataset
from twinlens.finetuning.preview import write_views
from twinlens.importing.import_images import import_images
from twinlens.seeds import derive
from twinlens.views.recipes import RECIPES
from twinlens.views.view import view


@pytest.mark.parametrize(("size", "side"), [(32, 32), (128, 96)])
def test_a_line_of_images_and_three_of_their_views(tmp_path: Path, size: int, side: int) -> None:
    import_images("phantom:8", tmp_path / "data", size=size, workers=1)
    data = open_dataset(tmp_path / "data")
    write_views(tmp_path / "views.png", data, np.arange(5), RECIPES["recommended"], seed=3)
    with Image.open(tmp_path / "views.png") as picture:
        assert picture.size == (5 * (side + 4) - 4, 4 * (side + 4) - 4)


def test_the_views_are_those_of_the_first_steps(tmp_path: Path, phantoms: Path) -> None:
    data, recipe, rows = open_dataset(phantoms), RECIPES["recommended"], np.array([7])
    write_views(tmp_path / "views.png", data, rows, recipe, seed=3)
    with Image.open(tmp_path / "views.png") as picture:
        pixels = np.asarray(picture)
    image = reader(data.images, rows)(rows)
    seed = derive(3, "one-cycle phase")
    lines = [image, *(view(image, rows, recipe=recipe, seed=seed, step=n) for n in range(3))]
    for number, line in enumerate(lines):
        expected = line[0].mul(255).round().byte().permute(1, 2, 0).numpy()
        assert (pixels[36 * number : 36 * number + 32] == expected).all()
