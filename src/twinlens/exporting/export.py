"""Writing a model as one file that runs without Twinlens, checked against torch."""

import io
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn.utils import convert_conv2d_weight_memory_format

from twinlens.errors import UserError
from twinlens.exporting.int8 import Comparison, quantise
from twinlens.exporting.onnx_file import metadata, onnx_runner, require_onnx, write_onnx
from twinlens.files import atomic_file
from twinlens.models.ensemble import read_members, read_prediction_sets
from twinlens.models.load_model import Model, load_model
from twinlens.phantom.generate import phantom_image
from twinlens.requests.base import accepts
from twinlens.requests.export import ExportRequest

TOLERANCE = 1e-3
"""The largest difference of a probability from torch's at which a file is kept."""

_SUFFIX = {"onnx": ".onnx", "torch": ".pt2"}
_RANDOM, _PHANTOMS = 3, 5  # images of the check

Runner = Callable[[Tensor], Tensor]
"""From images to probabilities, by the file that was written."""


@dataclass(frozen=True)
class Exported:
    """What was written.

    Attributes:
        path: The file.
        difference: Largest difference of a probability from torch's, before quantisation.
        images: Number of images that it was looked for in.
        views: Views of the model's test-time augmentation, which the file does without.
        int8: What quantisation was measured to do; None if it was not asked for.
    """

    path: Path
    difference: float
    images: int
    views: int
    int8: Comparison | None


@accepts(ExportRequest)
def export(request: ExportRequest) -> Exported:
    """Write a model as ONNX, or as a program of torch.export.

    The file takes any number of images in [0, 1], float32 of shape (n, 3, size, size), and returns
    probabilities, shape (n, classes): those of `twinlens.load_model`. Normalisation, ensemble and
    temperature are in the graph; resizing and test-time augmentation are not.

    Returns:
        What was written, and how much it differs from torch.

    Raises:
        UserError: The model cannot be used or exported, the file differs from torch by more than
            `TOLERANCE` or may not be replaced, or the packages of the extra onnx are missing.
    """
    out = Path(request.out)
    _check(request, out)
    members = read_members(Path(request.model))
    first, *_ = members.values()
    model, _transform = load_model(request.model)
    program, batches = _program(model), _images(model.size)
    comparison = None
    with atomic_file(out) as temporary:
        if request.format == "torch":
            content = io.BytesIO()  # its writer would end this process where the disk is full
            torch.export.save(program, content)
            temporary.write_bytes(content.getvalue())
            run = _torch_runner(temporary)
        else:
            sets = read_prediction_sets(Path(request.model))
            write_onnx(program, temporary, metadata(first, model.temperature, sets))
            run = onnx_runner(temporary)
        difference = largest_difference(model, run, batches)
        if not difference <= TOLERANCE:  # also if it is not a number
            raise UserError(
                f"The exported model differs from torch by {difference:.1e} in a probability, more "
                f"than {TOLERANCE:g}: nothing was written. Export it in the other --format."
            )
        if request.int8 is not None:
            comparison = quantise(temporary, Path(request.int8), model.size, split=request.split)
    views = max(info.test_time.views for info in members.values())
    return Exported(out, difference, sum(map(len, batches)), views, comparison)


def largest_difference(model: Model, run: Runner, batches: list[Tensor]) -> float:
    """Return the largest difference of a probability between a model and its file."""
    with torch.inference_mode():
        return max(float((run(images) - model(images)).abs().max()) for images in batches)


def _check(request: ExportRequest, out: Path) -> None:
    if out.suffix != _SUFFIX[request.format]:
        raise UserError(
            f"--out {out} must end in {_SUFFIX[request.format]} with --format {request.format}."
        )
    if request.int8 is not None and request.format != "onnx":
        raise UserError("--int8 goes with --format onnx alone: leave out one of them.")
    if out.exists() and not request.overwrite:
        raise UserError(f"{out} exists already: choose another --out, or pass --overwrite.")
    if request.format == "onnx":
        require_onnx()


def _program(model: Model) -> torch.export.ExportedProgram:
    example = torch.zeros(2, 3, model.size, model.size)
    batch = torch.export.Dim("batch")
    plain = convert_conv2d_weight_memory_format(model, torch.contiguous_format)  # to be saved
    try:
        return torch.export.export(plain, (example,), dynamic_shapes={"images": {0: batch}})
    except Exception as error:  # of any class, as a network can fail in any way
        reason = str(error).strip().partition("\n")[0]
        raise UserError(f"torch.export cannot export this network: {reason}") from error


def _images(size: int) -> list[Tensor]:
    """Return a single image, random ones, and synthetic photographs of lesions."""
    random = torch.rand(_RANDOM, 3, size, size, generator=torch.Generator().manual_seed(0))
    pixels = np.stack([phantom_image(0, lesion, 0, size=size) for lesion in range(_PHANTOMS)])
    return [random[:1], random[1:], torch.from_numpy(pixels).permute(0, 3, 1, 2).float() / 255]


def _torch_runner(path: Path) -> Runner:
    with path.open("rb") as file:
        program: Runner = torch.export.load(file).module()
    return program
