import base64
import io

import numpy as np
from PIL import Image

from twinlens.reporting.pictures import jpeg_uri, png_uri


def _decoded(uri: str, kind: str) -> Image.Image:
    head, content = uri.split(",")
    assert head == f"data:image/{kind};base64"
    return Image.open(io.BytesIO(base64.b64decode(content)))


def test_a_large_image_is_reduced_and_a_small_one_kept():
    picture = Image.new("RGB", (80, 40), "red")
    assert _decoded(jpeg_uri(picture, 20), "jpeg").size == (20, 10)
    assert _decoded(jpeg_uri(picture, 200), "jpeg").size == (80, 40)
    assert picture.size == (80, 40)


def test_a_png_file_keeps_its_pixels(tmp_path):
    pixels = np.arange(48, dtype=np.uint8).reshape(4, 4, 3)
    Image.fromarray(pixels).save(tmp_path / "a.png")
    assert np.array_equal(_decoded(png_uri(tmp_path / "a.png"), "png"), pixels)
