"""Static quantisation of an ONNX file to 8 bits, kept only where it is measured to be worth it."""

import time
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from types import SimpleNamespace
from typing import Any

import numpy as np
from jaxtyping import Float32
from numpy import ndarray

from twinlens.data.batches import reader
from twinlens.data.dataset import open_dataset
from twinlens.data.splits import open_split, split_names
from twinlens.errors import UserError, require
from twinlens.exporting.onnx_file import INPUT, read_metadata, session, write_metadata
from twinlens.views.view import clean_view

IMAGES = 512
"""At most, one half to calibrate with and the other to compare decisions on."""

_OPERATIONS = ["Conv", "MatMul"]
"""Operations of ONNX that encoders consist of; a head on features is Gemm."""

_REPEATS = 30

Pixels = Float32[ndarray, "image 3 size size"]


@dataclass(frozen=True)
class Comparison:
    """An int8 file against the fp32 file that it was made of.

    Attributes:
        images: Number of images that both decided on; they did not calibrate.
        equal: Number of them with the same class.
        times_as_fast: Time of the fp32 file for one image, as a multiple of the int8 file's.
    """

    images: int
    equal: int
    times_as_fast: float

    @property
    def kept(self) -> bool:
        """Whether it is faster and decides as before."""
        return self.equal == self.images and self.times_as_fast > 1


def quantise(path: Path, dataset: Path, size: int, *, split: str | None = None) -> Comparison:
    """Quantise weights and activations, and replace the file if that is faster and decides alike.

    Of the encoder's convolutions and matrix products, activations get 8 bits, with the ranges seen
    on calibration images, and weights 7, by channel: processors without VNNI add up products of
    both in 16 bits, which 8 and 8 would overflow. The head, which may subtract large numbers, and
    what follows it stay in fp32.

    Args:
        path: The file.
        dataset: A data set: of its training images, or of all if it has no split, up to `IMAGES`
            are used, evenly spaced.
        size: Side of the model's images in pixels.
        split: Its split; None for the only one.

    Raises:
        UserError: The data set cannot be used, or has a single such image.
    """
    quantization = require("onnxruntime.quantization", extra="onnx")
    shape_inference = require("onnxruntime.quantization.shape_inference", extra="onnx")
    pixels = _pixels(dataset, size, split)
    calibrate, decide = pixels[::2], pixels[1::2]
    batches = ({INPUT: image} for image in calibrate[:, None])
    with TemporaryDirectory() as folder:
        prepared, small = Path(folder) / "prepared.onnx", Path(folder) / "int8.onnx"
        shape_inference.quant_pre_process(path, prepared, skip_symbolic_shape=True)
        quantization.quantize_static(
            prepared,
            small,
            SimpleNamespace(get_next=lambda: next(batches, None)),
            per_channel=True,
            reduce_range=True,
            op_types_to_quantize=_OPERATIONS,
        )
        write_metadata(small, read_metadata(path) | {"precision": "int8"})
        comparison = _compare(session(path), session(small), decide)
        if comparison.kept:
            path.write_bytes(small.read_bytes())
    return comparison


def _pixels(dataset: Path, size: int, split: str | None) -> Pixels:
    data = open_dataset(dataset)
    rows = np.arange(len(data.table))
    if split_names(data):
        rows = open_split(data, split).rows["train"]
    if len(rows) < 2:
        raise UserError(f"{dataset} has {len(rows)} training images: --int8 needs 2 or more.")
    places = np.linspace(0, len(rows) - 1, min(IMAGES, len(rows))).round().astype(int)
    read = reader(data.images, rows[places])
    return clean_view(read(rows[places]), size).contiguous().numpy()


def _compare(fp32: Any, int8: Any, images: Pixels) -> Comparison:
    """Run both in turns, so that other load on the machine meets both."""
    decisions: tuple[list[int], list[int]] = ([], [])
    for image in images[:, None]:
        for found, opened in zip(decisions, (fp32, int8), strict=True):
            found.append(int(opened.run(None, {INPUT: image})[0].argmax()))
    seconds = np.empty((_REPEATS, 2))
    for times in seconds:
        for number, opened in enumerate((fp32, int8)):
            began = time.perf_counter()
            opened.run(None, {INPUT: images[:1]})
            times[number] = time.perf_counter() - began
    before, after = np.median(seconds, axis=0)
    equal = sum(a == b for a, b in zip(*decisions, strict=True))
    return Comparison(images=len(images), equal=equal, times_as_fast=float(before / after))
