"""A model bundle: the folder that holds a trained model and all that predicting with it needs."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor, nn

from twinlens.config import parse
from twinlens.errors import UserError, unknown
from twinlens.files import atomic_folder, read_json, write_json
from twinlens.models.encoders import Encoder, build_encoder
from twinlens.models.heads import HEADS
from twinlens.models.weights import misfits, read_tensors, save_tensors
from twinlens.types import RGB

FORMAT = 1
INFO = "bundle.json"
TENSORS = "model.safetensors"


class Normalisation(BaseModel):
    """Mean and standard deviation of the channels, images in [0, 1]."""

    mean: RGB
    std: RGB


class BundleInfo(BaseModel):
    """The content of bundle.json; keys beyond these are kept as they are.

    Attributes:
        format: Version of the bundle's layout.
        encoder: Name that `build_encoder` takes.
        head: A name in `HEADS`; linear in bundles that do not say.
        normalisation: What the encoder was trained with.
        classes: Names of the classes, in the order of the logits.
        class_info: For each class its title, colour, group and so on, where known.
        size: Side of the images in training, in pixels.
        tta: Settings of the test-time views.
        precision: What the model was trained and evaluated in.
        provenance: Where the model comes from: data hash, seeds, weights, versions.
    """

    model_config = ConfigDict(extra="allow", frozen=True)

    format: int = FORMAT
    encoder: str
    head: str = "linear"
    normalisation: Normalisation
    classes: list[str] = Field(min_length=1)
    class_info: dict[str, dict[str, Any]] = {}
    size: int = Field(gt=0)
    tta: dict[str, Any] = {}
    precision: Literal["auto", "fp32", "bf16"] = "auto"
    provenance: dict[str, Any] = {}


@dataclass(frozen=True)
class Bundle:
    """A trained model on the CPU, in eval mode.

    Attributes:
        encoder: Its mean and std are those of its training.
        head: From features to the logits of ``info["classes"]``.
        info: The content of bundle.json, see `BundleInfo`.
    """

    encoder: Encoder
    head: nn.Module
    info: dict[str, Any]


def save_bundle(folder: Path, encoder: Encoder, head: nn.Module, info: Mapping[str, Any]) -> None:
    """Write a model bundle, whole or not at all; an older bundle in the folder is replaced.

    Args:
        folder: The folder to make.
        encoder: The trained encoder; its name and normalisation are stored.
        head: The trained classifier; `info` names its kind unless it is linear.
        info: Keys of `BundleInfo` beside ``format``, ``encoder`` and ``normalisation``.

    Raises:
        UserError: The information is incomplete, or the folder holds something else.
    """
    own = {
        "format": FORMAT,
        "encoder": encoder.name,
        "normalisation": {"mean": encoder.mean, "std": encoder.std},
    }
    checked = parse(BundleInfo, {**info, **own}, where=f"The model for {folder}")
    with atomic_folder(folder, marker=INFO, overwrite=True) as work:
        save_tensors(work / TENSORS, _state(encoder, head))
        write_json(work / INFO, checked.model_dump(mode="json"))


def load_bundle(folder: Path) -> Bundle:
    """Read a model bundle.

    Raises:
        UserError: It is missing, damaged, or of a newer format.
    """
    info = read_info(folder)
    encoder = build_encoder(info.encoder, seed=0)
    encoder.mean, encoder.std = info.normalisation.mean, info.normalisation.std
    head = HEADS[info.head](encoder.feature_dim, len(info.classes), 0)
    tensors = read_tensors(folder / TENSORS)
    problems = misfits(_state(encoder, head), tensors)
    if problems:
        raise UserError(f"{folder / TENSORS} does not fit its {INFO}: {problems}.")
    encoder.load_state_dict(_below("encoder.", tensors))
    head.load_state_dict(_below("head.", tensors))
    return Bundle(encoder.eval(), head.eval(), info.model_dump(mode="json"))


def read_info(folder: Path) -> BundleInfo:
    """Read what a model bundle says of itself; errors as for `load_bundle`."""
    path = folder / INFO
    if not path.is_file():
        raise UserError(f"{folder} is not a model bundle: it holds no {INFO}.")
    content = read_json(path)
    if not isinstance(content, dict) or not isinstance(content.get("format"), int):
        raise UserError(f"{path} is no model bundle's: it does not say its format.")
    if content["format"] > FORMAT:
        raise UserError(
            f"{path} is of format {content['format']}, made by a newer Twinlens; this one reads "
            f"up to {FORMAT}: update Twinlens."
        )
    info = parse(BundleInfo, content, where=str(path))
    if info.head not in HEADS:
        raise unknown("head", info.head, HEADS)
    return info


def _state(encoder: Encoder, head: nn.Module) -> dict[str, Tensor]:
    state = {f"encoder.{key}": tensor for key, tensor in encoder.state_dict().items()}
    return state | {f"head.{key}": tensor for key, tensor in head.state_dict().items()}


def _below(prefix: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {key.removeprefix(prefix): tensors[key] for key in tensors if key.startswith(prefix)}
