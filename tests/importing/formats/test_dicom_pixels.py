from io import BytesIO

import numpy as np
import pytest
from PIL import Image

from twinlens.importing.decode import ImageError
from twinlens.importing.formats.dicom_pixels import decode_dicom

pydicom = pytest.importorskip("pydicom")
encapsulate = pytest.importorskip("pydicom.encaps").encapsulate


@pytest.fixture
def ramp():
    """All 12-bit values: uint16, shape (64, 64)."""
    return np.arange(4096, dtype=np.uint16).reshape(64, 64)


TWELVE = {"BitsStored": 12, "HighBit": 11}


def grey(content):
    """The one channel of a grey image, flat."""
    image = np.asarray(decode_dicom(content))
    assert (image == image[..., :1]).all()
    return image[..., 0].ravel()


def reason(content):
    with pytest.raises(ImageError) as caught:
        decode_dicom(content)
    return str(caught.value)


def lut(data, first=0, depth=8):
    item = pydicom.Dataset()
    item.add_new("LUTDescriptor", "SS", [len(data), first, depth])
    item.add_new("LUTData", "US", [int(entry) for entry in data])
    return [item]


def rle(content):
    """A file's content, its pixels compressed by run lengths."""
    dataset = pydicom.dcmread(BytesIO(content))
    dataset.compress(pydicom.uid.RLELossless, generate_instance_uid=False)
    buffer = BytesIO()
    dataset.save_as(buffer)
    return buffer.getvalue()


def as_bytes(shares):
    return np.rint(255 * np.clip(shares, 0, 1)).astype(np.uint8)


def test_rgb_is_unchanged(as_dicom, pixels):
    image = decode_dicom(as_dicom(pixels))
    assert image.mode == "RGB"
    np.testing.assert_array_equal(np.asarray(image), pixels)


@pytest.mark.parametrize(
    "syntax", ["ImplicitVRLittleEndian", "DeflatedExplicitVRLittleEndian", "RLELossless"]
)
def test_a_lossless_transfer_syntax_changes_nothing(as_dicom, pixels, syntax):
    compressed = syntax == "RLELossless"
    content = rle(as_dicom(pixels)) if compressed else as_dicom(pixels, syntax=syntax)
    np.testing.assert_array_equal(np.asarray(decode_dicom(content)), pixels)


def test_colour_planes_are_interleaved(as_dicom, pixels):
    content = as_dicom(pixels, PlanarConfiguration=1, PixelData=pixels.transpose(2, 0, 1).tobytes())
    np.testing.assert_array_equal(np.asarray(decode_dicom(content)), pixels)


def test_ybr_becomes_rgb_as_in_jpeg(as_dicom, pixels):
    ybr = Image.fromarray(pixels).convert("YCbCr")
    content = as_dicom(np.asarray(ybr), PhotometricInterpretation="YBR_FULL")
    expected = np.asarray(ybr.convert("RGB")).astype(int)
    np.testing.assert_allclose(np.asarray(decode_dicom(content)).astype(int), expected, atol=1)


def test_ybr_422_shares_the_colour_of_two_neighbours(as_dicom):
    rgb = np.repeat(np.random.default_rng(0).integers(40, 200, (8, 5, 3), np.uint8), 2, axis=1)
    ybr = np.asarray(Image.fromarray(rgb).convert("YCbCr"))
    halved = np.stack([ybr[:, ::2, 0], ybr[:, 1::2, 0], ybr[:, ::2, 1], ybr[:, ::2, 2]], axis=-1)
    content = as_dicom(ybr, PhotometricInterpretation="YBR_FULL_422", PixelData=halved.tobytes())
    np.testing.assert_allclose(np.asarray(decode_dicom(content)).astype(int), rgb, atol=2)


@pytest.mark.parametrize(
    ("syntax", "format", "photometric", "tolerance"),
    [
        ("JPEGBaseline8Bit", "JPEG", "YBR_FULL_422", 12),
        ("JPEG2000Lossless", "JPEG2000", "YBR_RCT", 0),
    ],
)
def test_compressed_colour(as_dicom, encode, pixels, syntax, format, photometric, tolerance):
    options = {"quality": 95, "subsampling": 0} if format == "JPEG" else {"no_jp2": True}
    compressed = encode(Image.fromarray(pixels), format, **options)
    content = as_dicom(
        pixels,
        syntax=syntax,
        PhotometricInterpretation=photometric,
        PixelData=encapsulate([compressed]),
    )
    result = np.asarray(decode_dicom(content)).astype(int)
    np.testing.assert_allclose(result, pixels, atol=tolerance)


def test_colour_of_12_bits_becomes_8(as_dicom):
    deep = np.random.default_rng(0).integers(0, 4096, (8, 9, 3), np.uint16)
    result = np.asarray(decode_dicom(as_dicom(deep, **TWELVE)))
    np.testing.assert_array_equal(result, as_bytes(deep / 4095))


def test_a_palette_gives_its_colours(as_dicom):
    colours = np.random.default_rng(0).integers(0, 256, (256, 3), np.uint8)
    indices = np.arange(256, dtype=np.uint8).reshape(16, 16)
    for scale, depth in ((1, 8), (257, 16)):
        planes = (colours.astype(f"u{depth // 8}") * scale).T
        content = as_dicom(
            indices, PhotometricInterpretation="PALETTE COLOR", **palette(planes, depth)
        )
        np.testing.assert_array_equal(np.asarray(decode_dicom(content)), colours.reshape(16, 16, 3))


def palette(planes, depth):
    elements = {}
    for name, plane in zip(("Red", "Green", "Blue"), planes, strict=True):
        elements[f"{name}PaletteColorLookupTableDescriptor"] = [plane.size, 0, depth]
        elements[f"{name}PaletteColorLookupTableData"] = plane.tobytes()
    return elements


def test_a_palette_index_beyond_the_end_is_the_last_colour(as_dicom):
    planes = np.arange(4, dtype=np.uint8) + np.array([[10], [20], [30]], np.uint8)
    indices = np.full((8, 8), 300, np.uint16)
    content = as_dicom(indices, PhotometricInterpretation="PALETTE COLOR", **palette(planes, 8))
    assert decode_dicom(content).getpixel((0, 0)) == (13, 23, 33)


def test_a_palette_that_pydicom_misreads_is_refused(as_dicom):
    indices = np.full((8, 8), 300, np.uint16)
    planes = np.zeros((3, 512), np.uint8)
    content = as_dicom(indices, PhotometricInterpretation="PALETTE COLOR", **palette(planes, 8))
    assert "a palette of 512 colours" in reason(content)


def test_without_a_window_all_that_can_be_stored_is_shown(as_dicom, ramp):
    np.testing.assert_array_equal(grey(as_dicom(ramp, **TWELVE)), as_bytes(ramp.ravel() / 4095))
    dim = ramp // 4
    np.testing.assert_array_equal(grey(as_dicom(dim, **TWELVE)), as_bytes(dim.ravel() / 4095))


@pytest.mark.parametrize(
    "window",
    [
        {"WindowCenter": 5, "WindowWidth": 0},
        {"WindowCenter": [5, 9], "WindowWidth": [0, 100]},
        {"WindowCenter": None, "WindowWidth": None},
        {"WindowCenter": 5, "WindowWidth": 0.5, "VOILUTFunction": None},
        {"WindowCenter": 5, "WindowWidth": 0, "VOILUTFunction": "SIGMOID"},
    ],
)
def test_a_window_that_the_standard_does_not_allow_is_none(as_dicom, ramp, window):
    expected = as_bytes(ramp.ravel() / 4095)
    np.testing.assert_array_equal(grey(as_dicom(ramp, **TWELVE, **window)), expected)


def test_signed_values(as_dicom, ramp):
    signed = ramp.astype(np.int16) - 2048
    np.testing.assert_array_equal(grey(as_dicom(signed, **TWELVE)), as_bytes(ramp.ravel() / 4095))


def test_unused_bits_do_not_count(as_dicom, ramp):
    content = as_dicom(ramp | np.uint16(0xA000), **TWELVE)
    np.testing.assert_array_equal(grey(content), as_bytes(ramp.ravel() / 4095))


def test_monochrome1_is_inverted(as_dicom, ramp):
    window = {"WindowCenter": 1000, "WindowWidth": 400}
    usual = grey(as_dicom(ramp, **TWELVE, **window))
    inverted = grey(as_dicom(ramp, **TWELVE, **window, PhotometricInterpretation="MONOCHROME1"))
    np.testing.assert_allclose(usual.astype(int) + inverted, 255, atol=1)
    assert inverted[0] == 255


@pytest.mark.parametrize(
    ("function", "shares"),
    [
        (None, lambda x, c, w: (x - (c - 0.5)) / (w - 1) + 0.5),
        ("LINEAR", lambda x, c, w: (x - (c - 0.5)) / (w - 1) + 0.5),
        ("LINEAR_EXACT", lambda x, c, w: (x - c) / w + 0.5),
        ("SIGMOID", lambda x, c, w: 1 / (1 + np.exp(-4 * (x - c) / w))),
    ],
)
@pytest.mark.parametrize("signed", [False, True])
def test_a_window_is_the_formula_of_the_standard(as_dicom, ramp, function, shares, signed):
    """PS3.3, C.11.2.1.2 and C.11.2.1.3, after the rescale to Hounsfield units."""
    values = ramp.astype(np.int16) - 2048 if signed else ramp
    elements = {"VOILUTFunction": function} if function else {}
    content = as_dicom(
        values,
        **TWELVE,
        **elements,
        RescaleSlope=2,
        RescaleIntercept=-1024,
        WindowCenter=[40, 500],
        WindowWidth=[400, 9],
    )
    hounsfield = 2.0 * values.astype(float).ravel() - 1024
    expected = as_bytes(shares(hounsfield, 40, 400))
    np.testing.assert_allclose(grey(content).astype(int), expected, atol=1)  # ties in rounding


def test_a_steep_sigmoid_is_a_step(as_dicom, ramp):
    window = {"WindowCenter": 2000.5, "WindowWidth": 0.001, "VOILUTFunction": "SIGMOID"}
    np.testing.assert_array_equal(
        grey(as_dicom(ramp, **TWELVE, **window)), np.where(ramp.ravel() > 2000, 255, 0)
    )


def test_a_negative_slope_turns_the_shades(as_dicom, ramp):
    rescale = {"RescaleSlope": -1, "RescaleIntercept": 4095}
    expected = as_bytes(1 - ramp.ravel() / 4095)
    np.testing.assert_array_equal(grey(as_dicom(ramp, **TWELVE, **rescale)), expected)


def test_a_modality_lut_comes_before_the_window(as_dicom, ramp):
    squares = (np.arange(4096) ** 2) // 256
    table = {"ModalityLUTSequence": lut(squares, depth=16)}
    np.testing.assert_array_equal(
        grey(as_dicom(ramp, **TWELVE, **table)), as_bytes(squares / 65535)
    )
    window = {"WindowCenter": 500.5, "WindowWidth": 1001}
    shown = grey(as_dicom(ramp, **TWELVE, **table, **window)).astype(int)
    np.testing.assert_allclose(shown, as_bytes(squares / 1000), atol=1)  # ties in rounding


@pytest.mark.parametrize("depth", [8, 12, 16])
def test_a_voi_lut_is_looked_up(as_dicom, ramp, depth):
    """Also one with more entries than its own bits can count, after a rescale."""
    largest = 2**depth - 1
    entries = np.random.default_rng(0).integers(0, largest + 1, 1000)
    content = as_dicom(
        ramp,
        **TWELVE,
        RescaleSlope=1,
        RescaleIntercept=-100,
        VOILUTSequence=lut(entries, first=-50, depth=depth),
        WindowCenter=40,
        WindowWidth=400,
    )
    places = np.clip(np.arange(4096) - 100 + 50, 0, 999)
    np.testing.assert_array_equal(grey(content), as_bytes(entries[places] / largest))


def test_big_endian_grey(as_dicom, ramp):
    content = as_dicom(
        ramp, syntax="ExplicitVRBigEndian", PixelData=ramp.astype(">u2").tobytes(), **TWELVE
    )
    np.testing.assert_array_equal(grey(content), as_bytes(ramp.ravel() / 4095))


def test_bits_are_black_and_white(as_dicom):
    bits = np.random.default_rng(0).integers(0, 2, (8, 16), np.uint8)
    one = {"BitsAllocated": 1, "BitsStored": 1, "HighBit": 0}
    content = as_dicom(bits, **one, PixelData=np.packbits(bits, bitorder="little").tobytes())
    np.testing.assert_array_equal(grey(content), 255 * bits.ravel())


@pytest.mark.parametrize(
    ("elements", "expected"),
    [
        ({"Rows": 7}, "smaller than 8 pixels (32x7)"),
        ({"Rows": 60_000, "Columns": 60_000}, "more than 80,000,000 pixels (60000x60000)"),
        ({"Rows": 25}, "damaged DICOM file (The number of bytes of pixel data is less"),
        ({"PhotometricInterpretation": "CMYK"}, "the photometric interpretation CMYK is not"),
        ({"BitsAllocated": 32, "BitsStored": 32, "HighBit": 31}, "32 bits with 31 as the high bit"),
        ({"BitsStored": 5}, "pixels of 5 bits with 7 as the high bit are not supported"),
        ({"BitsAllocated": 16, "BitsStored": 9, "HighBit": 8}, "YBR_FULL of 9 bits"),
        ({"RescaleSlope": 0, "RescaleIntercept": 0}, "no contrast (its rescale slope is 0)"),
        ({"NumberOfFrames": 3}, "3 frames, but only single images are read"),
    ],
)
def test_what_cannot_be_shown_has_a_reason(as_dicom, pixels, elements, expected):
    if "RescaleSlope" in elements:
        content = as_dicom(pixels[..., 0], **elements)
    else:
        content = as_dicom(pixels, **{"PhotometricInterpretation": "YBR_FULL", **elements})
    assert expected in reason(content)


def test_a_file_without_pixels_and_one_that_is_no_dicom(as_dicom, pixels):
    assert reason(as_dicom()) == "no integer pixels (no Pixel Data)"
    assert reason(b"") == reason(b"a note") == "not a DICOM file (without 'DICM' at byte 128)"


@pytest.mark.parametrize(
    ("syntax", "expected"),
    [
        ("JPEGLSLossless", "JPEG-LS Lossless Image Compression needs other packages: pip install "),
        ("JPEGLosslessSV1", "(Process 14 [Selection Value 1]) needs other packages: pip install"),
        ("MPEG2MPML", "the transfer syntax MPEG2 Main Profile / Main Level is not supported"),
    ],
)
def test_a_transfer_syntax_out_of_reach_names_the_remedy(as_dicom, pixels, syntax, expected):
    answer = reason(as_dicom(pixels, syntax=syntax, PixelData=encapsulate([b"\xff\xd8 and so on"])))
    assert expected in answer
    assert ("pylibjpeg pylibjpeg-libjpeg" in answer) == ("needs" in answer)


def test_jpeg_of_12_bits_names_the_remedy(as_dicom, ramp):
    data = {"PixelData": encapsulate([b"\xff\xd8\xff\xd9"]), **TWELVE}
    answer = reason(as_dicom(ramp, syntax="JPEGExtended12Bit", **data))
    assert "not decoded from the transfer syntax JPEG Extended" in answer
    assert answer.endswith("this helps: pip install pylibjpeg pylibjpeg-libjpeg")


@pytest.mark.filterwarnings("ignore:::pydicom")
@pytest.mark.filterwarnings("ignore:Truncated File Read:UserWarning")
@pytest.mark.parametrize("syntax", ["ExplicitVRLittleEndian", "JPEGBaseline8Bit", "RLELossless"])
def test_a_damaged_file_is_an_image_or_a_reason(as_dicom, encode, ramp, pixels, syntax):
    if syntax == "JPEGBaseline8Bit":
        data = encapsulate([encode(Image.fromarray(pixels), "JPEG")])
        content = as_dicom(pixels, syntax, PixelData=data, PhotometricInterpretation="YBR_FULL_422")
    else:
        content = as_dicom(ramp, **TWELVE, VOILUTSequence=lut(range(300)), WindowWidth=9)
    if syntax == "RLELossless":
        content = rle(content)
    rng = np.random.default_rng(0)
    damaged = [content[:end] for end in np.linspace(0, len(content) - 1, 20).astype(int)]
    for place in rng.integers(132, min(len(content), 1500), 150):
        flipped = bytearray(content)
        flipped[place] ^= 1 << int(rng.integers(8))
        damaged.append(bytes(flipped))
    shown = 0
    for variant in damaged:
        try:
            assert decode_dicom(variant).mode == "RGB"
            shown += 1
        except ImageError:
            continue
    assert 20 < shown < len(damaged) - 20
