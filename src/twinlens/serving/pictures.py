"""Pictures in answers, as data URLs."""

from base64 import b64encode
from io import BytesIO

import numpy as np
from jaxtyping import Float
from numpy import ndarray
from PIL import Image

from twinlens.types import PackedImage

_SIDE = 448
_STOPS = (0.0, 0.25, 0.5, 0.75, 1.0)
_COLOURS = ((68, 1, 84), (59, 82, 139), (33, 145, 140), (94, 201, 98), (253, 231, 37))  # viridis
_OPACITY = 0.65


def heat_picture(heat: Float[ndarray, "height width"]) -> str:
    """Return a transparent PNG to lay over an image: opaque and bright where the heat is 1."""
    smooth = Image.fromarray(heat.astype(np.float32))
    values = np.asarray(smooth.resize((_SIDE, _SIDE), Image.Resampling.BICUBIC)).clip(0, 1)
    channels = [np.interp(values, _STOPS, channel) for channel in zip(*_COLOURS, strict=True)]
    channels.append(255 * _OPACITY * values**1.5)
    return _data_url(Image.fromarray(np.stack(channels, axis=-1).round().astype(np.uint8)), "PNG")


def case_picture(pixels: PackedImage) -> str:
    """Return an image of a data set as JPEG."""
    return _data_url(Image.fromarray(pixels), "JPEG")


def _data_url(image: Image.Image, format: str) -> str:
    buffer = BytesIO()
    image.save(buffer, format, quality=85)
    return f"data:image/{format.lower()};base64,{b64encode(buffer.getvalue()).decode()}"
