import numpy as np
import torch
from PIL import Image

from twinlens.views.image_grid import write_picture


def test_each_line_is_a_batch_and_each_column_an_image(tmp_path):
    first = torch.zeros(3, 3, 5, 7)
    second = torch.ones(3, 3, 5, 7) * torch.tensor([1.0, 0.5, 0.0])[:, None, None]
    write_picture(tmp_path / "views.png", [first, second])
    picture = np.asarray(Image.open(tmp_path / "views.png"))
    assert picture.shape == (5 + 4 + 5, 7 * 3 + 4 * 2, 3)
    assert (picture[:5, :7] == 0).all()
    assert (picture[9:, 22:] == [255, 128, 0]).all()
    assert (picture[5:9] == 255).all()
