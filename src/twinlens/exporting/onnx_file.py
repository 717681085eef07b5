"""ONNX files: written with what a user of them must know, and run by onnxruntime."""

import json
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

import twinlens
from twinlens.errors import UserError, require
from twinlens.records.bundle import BundleInfo, PredictionSets

INPUT, OUTPUT = "images", "probabilities"

_PREPROCESSING = (
    "Turn the image upright by its EXIF orientation, convert it to RGB, cut out the largest "
    "centred square, resize it to size x size with Pillow's BILINEAR, and divide by 255: float32, "
    "shape (n, 3, size, size). The normalisation is part of the graph."
)


def require_onnx() -> None:
    """Import what ONNX needs; the error says which extra brings it."""
    for package in ("onnx", "onnxscript", "onnxruntime"):
        require(package, extra="onnx")


def metadata(
    info: BundleInfo, temperature: float | None, sets: PredictionSets | None
) -> dict[str, str]:
    """Return the metadata of a file: classes as JSON, size, preprocessing and limits of use.

    Args:
        info: Description of the model, or of an ensemble's first member.
        temperature: The temperature in the graph; None for none.
        sets: Thresholds of its prediction sets; None for none, which is null in JSON.
    """
    groups = {name: info.class_info[name].group for name in info.class_info}
    described = {name: info.class_info[name].title for name in info.class_info}
    return {
        "classes": json.dumps(info.classes),
        "class_titles": json.dumps([described.get(name) or name for name in info.classes]),
        "class_groups": json.dumps([groups.get(name, "") for name in info.classes]),
        "size": str(info.size),
        "preprocessing": _PREPROCESSING,
        "temperature": "none" if temperature is None else repr(temperature),
        "prediction_sets": "null" if sets is None else sets.model_dump_json(),
        "twinlens_version": twinlens.__version__,
        "training_data_sha256": info.provenance.trained_on.data_hash,
        "limits": "Research software, not a medical device. Without test-time augmentation.",
    }


def write_onnx(
    program: torch.export.ExportedProgram, path: Path, properties: Mapping[str, str]
) -> None:
    """Write a program of torch.export as ONNX.

    Raises:
        UserError: An operation of the network has no counterpart in ONNX.
    """
    try:
        with warnings.catch_warnings(action="ignore"):  # of the exporter about itself
            onnx = torch.onnx.export(
                program, dynamo=True, input_names=[INPUT], output_names=[OUTPUT], verbose=False
            )
        assert onnx is not None
        onnx.save(path, external_data=False)
    except torch.onnx.OnnxExporterError as error:
        reason = str(error).strip().partition("\n")[0]
        raise UserError(
            f"This network cannot be written as ONNX: {reason} Export it with --format torch."
        ) from error
    write_metadata(path, properties)


def write_metadata(path: Path, properties: Mapping[str, str]) -> None:
    """Replace the metadata of an ONNX file."""
    onnx = require("onnx", extra="onnx")
    content = onnx.load(path)
    onnx.helper.set_model_props(content, dict(properties))
    onnx.save(content, path)


def read_metadata(path: Path) -> dict[str, str]:
    """Return the metadata of an ONNX file."""
    onnx = require("onnx", extra="onnx")
    return {entry.key: entry.value for entry in onnx.load(path).metadata_props}


def session(path: Path) -> Any:
    """Open an ONNX file in onnxruntime, on the CPU."""
    runtime = require("onnxruntime", extra="onnx")
    return runtime.InferenceSession(path.read_bytes(), providers=["CPUExecutionProvider"])


def onnx_runner(path: Path) -> Callable[[Tensor], Tensor]:
    """Return a function from images to probabilities by an ONNX file."""
    opened = session(path)
    return lambda images: torch.from_numpy(opened.run(None, {INPUT: images.numpy()})[0])
