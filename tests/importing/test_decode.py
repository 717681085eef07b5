import struct
import sys
import zlib

import numpy as np
import pytest
from PIL import Image

from twinlens.errors import UserError
from twinlens.importing.decode import ImageError, decode, square
from twinlens.phantom.generate import phantom_image


def reason(content):
    with pytest.raises(ImageError) as caught:
        decode(content)
    return str(caught.value)


def test_rgb_is_unchanged(pixels, encode):
    image = decode(encode(Image.fromarray(pixels)))
    assert image.mode == "RGB"
    np.testing.assert_array_equal(np.asarray(image), pixels)


@pytest.mark.parametrize(("side", "reduced"), [(16, (32, 48)), (20, (64, 96)), (40, (128, 192))])
def test_a_large_jpeg_is_decoded_at_a_reduced_size(side, reduced, encode):
    content = encode(Image.fromarray(phantom_image(0, 0, 0, size=192)).resize((128, 192)), "JPEG")
    image = decode(content, side=side)
    assert image.size == reduced
    full, difference = square(decode(content), side), square(image, side)
    assert np.abs(full.astype(int) - difference).mean() < 0.5


def test_what_is_no_jpeg_is_decoded_in_full(pixels, encode):
    assert decode(encode(Image.fromarray(pixels)), side=1).size == pixels.shape[1::-1]


def test_grey_becomes_three_equal_channels(pixels, encode):
    grey = pixels[..., 0]
    result = np.asarray(decode(encode(Image.fromarray(grey))))
    np.testing.assert_array_equal(result, np.repeat(grey[..., None], 3, axis=2))


def test_palette_gives_its_colours(pixels, encode):
    palette = Image.fromarray(pixels).quantize(16)
    result = decode(encode(palette))
    np.testing.assert_array_equal(np.asarray(result), np.asarray(palette.convert("RGB")))


def test_palette_with_alpha_is_laid_over_black(encode):
    palette = Image.new("P", (10, 10), 0)
    palette.putpalette([200, 100, 50, 10, 20, 30])
    palette.paste(1, (0, 0, 5, 10))
    result = np.asarray(decode(encode(palette, transparency=bytes([128, 0]))))
    assert (result[:, :5] == 0).all()
    np.testing.assert_allclose(
        result[:, 5:], np.array([200, 100, 50]) * 128 / 255 + np.zeros((10, 5, 1)), atol=1
    )


@pytest.mark.parametrize("mode", ["RGBA", "LA"])
def test_alpha_is_laid_over_black(mode, encode):
    image = Image.new("RGB", (10, 10), (90, 90, 90)).convert(mode)
    image.putalpha(Image.linear_gradient("L").resize((10, 10)))
    alpha = np.asarray(image)[..., -1:] / 255
    np.testing.assert_allclose(np.asarray(decode(encode(image))), 90 * alpha + np.zeros(3), atol=1)


def test_a_transparent_colour_is_black(encode):
    image = Image.new("RGB", (10, 10), (1, 2, 3))
    image.paste((200, 0, 0), (0, 0, 10, 5))
    result = np.asarray(decode(encode(image, transparency=(200, 0, 0))))
    assert (result[:5] == 0).all()
    assert (result[5:] == (1, 2, 3)).all()


def test_cmyk_jpeg_becomes_rgb(encode):
    cmyk = Image.new("CMYK", (16, 16), (0, 255, 255, 0))  # magenta and yellow ink: red
    result = np.asarray(decode(encode(cmyk, "JPEG", quality=95))).astype(int)
    np.testing.assert_allclose(result, np.array([255, 0, 0]) + np.zeros((16, 16, 1)), atol=6)


@pytest.mark.parametrize("format", ["PNG", "TIFF"])
def test_16_bit_is_divided_by_257(format, encode):
    deep = np.linspace(0, 65535, 400).astype(np.uint16).reshape(20, 20)
    result = np.asarray(decode(encode(Image.fromarray(deep), format)))
    expected = np.round(deep / 257).astype(np.uint8)
    np.testing.assert_array_equal(result, np.repeat(expected[..., None], 3, axis=2))


def test_32_bit_integers_count_as_16_bit(encode):
    deep = np.full((10, 10), 257 * 40, dtype=np.int32)
    deep[0] = 1_000_000
    deep[1] = -5
    result = np.asarray(decode(encode(Image.fromarray(deep), "TIFF")))
    assert result[:3, 0, 0].tolist() == [255, 0, 40]


@pytest.mark.parametrize(
    ("orientation", "turn"),
    [
        (1, lambda a: a),
        (2, lambda a: a[:, ::-1]),
        (3, lambda a: a[::-1, ::-1]),
        (4, lambda a: a[::-1]),
        (5, lambda a: a.transpose(1, 0, 2)),
        (6, lambda a: np.rot90(a, -1)),
        (7, lambda a: a[::-1, ::-1].transpose(1, 0, 2)),
        (8, lambda a: np.rot90(a, 1)),
    ],
)
def test_exif_orientation_is_applied(orientation, turn, pixels, encode):
    exif = Image.Exif()
    exif[0x0112] = orientation
    result = np.asarray(decode(encode(Image.fromarray(pixels), exif=exif)))
    np.testing.assert_array_equal(result, turn(pixels))


@pytest.mark.parametrize("format", ["JPEG", "PNG"])
def test_a_truncated_file_is_refused(pixels, encode, format):
    content = encode(Image.fromarray(pixels).resize((200, 200)), format)
    assert "damaged image" in reason(content[: len(content) // 2])


def test_other_content_is_refused(encode):
    assert reason(b"") == "empty file"
    assert reason(b"this is a note, not a photograph") == "not an image in a known format"
    assert reason(encode(Image.new("RGB", (1, 1)))) == "smaller than 8 pixels (1x1)"
    floats = Image.fromarray(np.ones((10, 10), np.float32))
    assert "floating-point" in reason(encode(floats, "TIFF"))


def test_dicom_is_recognised_by_its_content(pixels, as_dicom, monkeypatch):
    content = as_dicom(pixels)
    np.testing.assert_array_equal(np.asarray(decode(content)), pixels)
    assert reason(content[:-100]).startswith("damaged DICOM file")
    monkeypatch.setitem(sys.modules, "pydicom", None)
    with pytest.raises(UserError, match=r"pip install 'twinlens\[dicom\]'"):
        decode(content)


@pytest.mark.parametrize("side", [9_000, 20_000, 2**31 - 1])
@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
def test_huge_png_header(side):
    def chunk(kind, content):
        check = zlib.crc32(kind + content)
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", check)

    header = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    png = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", b"") + chunk(b"IEND", b"")
    assert "more than 80,000,000 pixels" in reason(png)


@pytest.mark.parametrize("shape", [(24, 32), (32, 24), (25, 32)])
def test_square_takes_the_centre(shape):
    height, width = shape
    image = np.zeros((*shape, 3), np.uint8)
    side = min(shape)
    top, left = (height - side) // 2, (width - side) // 2
    image[top : top + side, left : left + side] = 200
    assert (square(Image.fromarray(image), 8) == 200).all()


def test_square_at_its_own_size_is_the_crop(pixels):
    np.testing.assert_array_equal(square(Image.fromarray(pixels), 24), pixels[:, 4:28])


def test_square_does_not_alias():
    stripes = np.zeros((64, 64, 3), np.uint8)
    stripes[:, ::2] = 200
    inner = square(Image.fromarray(stripes), 16)[:, 1:-1]
    assert np.ptp(inner.astype(int)) <= 1
    assert abs(inner.mean() - 100) <= 1


def test_square_is_the_triangle_filter(pixels):
    """Against the filter's definition, along one axis: weights 1 - |x| / scale."""
    row = np.tile(pixels[:24, :24, 1][:1], (24, 1))
    result = square(Image.fromarray(np.repeat(row[..., None], 3, axis=2)), 8)[0, :, 0]
    scale, centres = 3, (np.arange(8) + 0.5) * 3
    weights = np.clip(1 - np.abs(np.arange(24) + 0.5 - centres[:, None]) / scale, 0, None)
    expected = (weights / weights.sum(1, keepdims=True)) @ row[0]
    np.testing.assert_allclose(result, expected, atol=0.51)
