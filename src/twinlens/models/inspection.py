"""The list of published weights, and a check of what a weight file holds."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import torch
from torch import Tensor

from twinlens.errors import UserError
from twinlens.files import sha256
from twinlens.models.encoders import Encoder, build_encoder
from twinlens.models.layouts import fit
from twinlens.models.match import Match, describe_match
from twinlens.models.published import SUM_TOLERANCE, WEIGHTS, images_of_tag
from twinlens.models.tensor_files import read_tensors
from twinlens.models.weights import cached, local_file, weight_file
from twinlens.requests.base import accepts
from twinlens.requests.check_weights import CheckWeightsRequest
from twinlens.views.image_grid import check_picture, write_picture

_COLUMNS = 8
_SIDE = 32


@dataclass(frozen=True)
class Inspection:
    """What a weight file holds for an encoder.

    Attributes:
        path: The file.
        tensors: One row per tensor: its name (index), shape, and name in the encoder.
        fits: Whether `load_weights` would take the file.
        summary: What would be loaded and dropped, or what does not fit.
        total: Sum of the encoder's parameters.
        published: The name in `WEIGHTS` that its hash or sum belongs to, or None.
    """

    path: Path
    tensors: pd.DataFrame
    fits: bool
    summary: str
    total: float
    published: str | None


def list_weights() -> pd.DataFrame:
    """List the published weights: encoder, size in MB, licence, recipe, images and path."""
    rows = {
        name: {
            "encoder": entry.encoder,
            "MB": entry.size and round(entry.size / 1e6, 1),
            "licence": entry.licence,
            "cached": cached(name).is_file(),
            "source": entry.source,
            "keys": entry.keys,
            "address": entry.place,
            "images": ", then on ".join(seen.title for seen in images_of_tag(entry.images)),
            "gated": entry.gated,
            "path": str(cached(name)),
        }
        for name, entry in WEIGHTS.items()
    }
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("name")


@accepts(CheckWeightsRequest)
def check_weights(request: CheckWeightsRequest) -> Inspection:
    """Compare a weight file with an encoder, without loading it.

    Raises:
        UserError: The file cannot be obtained or read, no encoder is named for it, or it has no
            convolution of three channels to draw, or the picture cannot be written.
    """
    weights, encoder, picture = request.weights, request.encoder, request.picture
    if picture is not None:
        check_picture(picture, overwrite=request.overwrite)
    if encoder is None and str(weights) not in WEIGHTS:
        path = local_file(weights)
        raise UserError(f"--encoder is missing: name the network that {path} is for.")
    with torch.device("meta"):  # names and shapes suffice
        network = build_encoder(encoder or WEIGHTS[str(weights)].encoder, seed=0)
    path = weight_file(network, weights)
    tensors, matched = fit(network, read_tensors(path))
    if picture is not None:
        draw_filters(picture, _first_filters(path, tensors))
    return Inspection(
        path,
        _table(tensors, matched),
        fits=not matched.problems,
        summary=matched.problems or describe_match(network, matched),
        total=matched.total,
        published=_published(path, network, matched),
    )


def draw_filters(path: Path, filters: Tensor) -> None:
    """Write filters as a picture, eight per line, each stretched to the full range of brightness.

    Args:
        path: The PNG file.
        filters: Shape (filters, 3, height, width).
    """
    flat = filters.float().flatten(1)
    low, high = (edge.view(-1, 1, 1, 1) for edge in (flat.amin(dim=1), flat.amax(dim=1)))
    stretched = (filters - low) / (high - low).clamp(min=torch.finfo(torch.float32).tiny)
    zoom = max(1, _SIDE // filters.shape[-1])
    large = stretched.repeat_interleave(zoom, dim=2).repeat_interleave(zoom, dim=3)
    write_picture(path, torch.split(large, _COLUMNS))


def _first_filters(path: Path, tensors: Mapping[str, Tensor]) -> Tensor:
    for tensor in tensors.values():
        if tensor.ndim == 4 and tensor.shape[1] == 3:
            return tensor
    raise UserError(f"{path} has no convolution of three channels that could be drawn.")


def _table(tensors: Mapping[str, Tensor], matched: Match) -> pd.DataFrame:
    rows = {
        key: {"shape": "x".join(map(str, tensors[key].shape)), "encoder": name or "dropped"}
        for key, name in matched.names.items()
    }
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("tensor")


def _published(path: Path, network: Encoder, matched: Match) -> str | None:
    digest = sha256(path)
    for name, entry in WEIGHTS.items():
        same = bool(entry.sha256) and digest.startswith(entry.sha256)
        if entry.total is not None and entry.encoder == network.name:
            same |= abs(matched.total - entry.total) <= SUM_TOLERANCE
        if same:
            return name
    return None
