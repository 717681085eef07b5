from base64 import b64decode
from io import BytesIO

import numpy as np
from PIL import Image

from twinlens.serving.pictures import case_picture, heat_picture


def _pixels(url, kind):
    start, _, content = url.partition(",")
    assert start == f"data:image/{kind};base64"
    return np.asarray(Image.open(BytesIO(b64decode(content)))).astype(int)


def test_heat_is_opaque_and_bright_where_it_is_strong():
    heat = np.zeros((8, 8))
    heat[:, 4:] = 1
    pixels = _pixels(heat_picture(heat), "png")
    assert pixels.shape == (448, 448, 4)
    assert pixels[200, 20].tolist() == [68, 1, 84, 0]
    assert pixels[200, -20].tolist() == [253, 231, 37, round(0.65 * 255)]
    assert (np.diff(pixels[200, 180:270, 3]) >= 0).all()


def test_nothing_is_shown_where_there_is_no_heat():
    assert not _pixels(heat_picture(np.zeros((3, 3))), "png")[..., 3].any()


def test_a_case_keeps_its_colours(pixels):
    square = pixels[:24, :24]
    assert abs(_pixels(case_picture(square), "jpeg") - square).mean() < 12
