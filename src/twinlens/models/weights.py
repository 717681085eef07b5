"""Initial weights from a file: strict about names and shapes, and never running its code."""

import pickle
import re
import warnings
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor

from twinlens.console import say
from twinlens.errors import UserError
from twinlens.files import atomic_file, sha256
from twinlens.models.download import cache_folder, download
from twinlens.models.encoders import Encoder
from twinlens.models.keys import recognise
from twinlens.models.published import SUM_TOLERANCE, WEIGHTS, Published
from twinlens.records.weights import EncoderHeader, InitialWeights

_PICKLES = (".pth", ".pt", ".pth.tar")
_NESTS = ("state_dict", "model")
_SHOWN = 3


@dataclass(frozen=True)
class Match:
    """What a file holds for an encoder.

    Attributes:
        names: For each name of the file the encoder's; None for what is left out.
        tensors: The file's tensors that are meant for the encoder, by its names.
        problems: How the tensors differ from the encoder's; empty where they fit.
        total: Sum of all parameters, without BatchNorm's statistics.
    """

    names: dict[str, str | None]
    tensors: dict[str, Tensor]
    problems: str
    total: float

    @property
    def dropped(self) -> list[str]:
        """The file's names of what is left out: a classifier, a projector."""
        return [key for key, name in self.names.items() if name is None]


def load_weights(encoder: Encoder, weights: str | Path) -> InitialWeights:
    """Load initial weights into an encoder, whole or not at all.

    Args:
        encoder: Changed in place; published weights and files of a pretraining bring their
            normalisation.
        weights: ``"random"`` (the encoder stays as it was built), a name in `WEIGHTS`, or a file:
            .safetensors, or .pth, .pt, .pth.tar with tensors alone, also nested under
            ``state_dict`` or ``model``.

    Raises:
        UserError: The file cannot be had or read, or does not fit the encoder.
    """
    if str(weights) == "random":
        return InitialWeights(name="random")
    path = weight_file(encoder, weights)
    found = match(encoder, read_tensors(path))
    if found.problems:
        raise UserError(
            f"{path} does not fit the encoder {encoder.name}: {found.problems}. "
            "Choose the encoder that the weights were made for."
        )
    header = read_header(path)
    # Strict but for num_batches_tracked, which BatchNorm fills in where an old file lacks it.
    encoder.load_state_dict(found.tensors)
    source = WEIGHTS.get(str(weights)) or (header and header.normalisation)
    if source:
        encoder.mean, encoder.std = source.mean, source.std
    say(f"{path.name}: {in_words(encoder, found)}")
    return InitialWeights(
        name=str(weights),
        sha256=sha256(path),
        matched=len(found.tensors),
        dropped=tuple(found.dropped),
        history=header.history if header else (),
    )


def read_header(path: Path) -> EncoderHeader | None:
    """Read the header of a weight file; None if no pretraining by Twinlens has written it.

    Raises:
        UserError: The header is damaged.
    """
    if path.suffix != ".safetensors":
        return None
    with safe_open(path, "pt") as file:
        header = (file.metadata() or {}).get("twinlens")
    return None if header is None else EncoderHeader.parse_text(header, f"The header of {path}")


def weight_file(encoder: Encoder, weights: str | Path) -> Path:
    """Return the file of the weights; published ones are downloaded where they are missing.

    Raises:
        UserError: There is no such file, or it is not what was published for the encoder.
    """
    entry = WEIGHTS.get(str(weights))
    if entry is None:
        return _own_file(weights)
    if entry.encoder != encoder.name:
        raise UserError(
            f"The weights '{weights}' are for the encoder {entry.encoder}, not {encoder.name}: "
            f"choose --encoder {entry.encoder}, or other weights."
        )
    path = cached(str(weights))
    if not path.exists():
        download(
            entry.address, path, flaw=lambda part: _flaw(encoder, part, entry), size=entry.size
        )
    elif wrong := _flaw(encoder, path, entry):
        raise UserError(
            f"{path} is not the published file ({wrong}): delete it to have it downloaded again, "
            f"or put the file from {entry.address} there."
        )
    return path


def cached(name: str) -> Path:
    """Return where the file of published weights lies, or is to be put."""
    return cache_folder() / f"{name}{Path(WEIGHTS[name].address).suffix}"


def match(encoder: Encoder, tensors: Mapping[str, Tensor]) -> Match:
    """Compare a file's tensors with an encoder's."""
    expected = encoder.state_dict()
    names = recognise(tensors, expected)
    ours = {name: tensors[key] for key, name in names.items() if name is not None}
    learned = {key.removeprefix("network.") for key, _ in encoder.named_parameters()}
    return Match(
        names,
        ours,
        problems=misfits(expected, ours),
        total=sum(ours[key].sum(dtype=torch.float64).item() for key in ours if key in learned),
    )


def in_words(encoder: Encoder, found: Match) -> str:
    """Say what was loaded, such as "loaded 318 of 318 tensors; dropped fc.weight, fc.bias"."""
    expected = [k for k in encoder.state_dict() if k in found.tensors or not _is_counter(k)]
    loaded = f"loaded {len(found.tensors)} of {len(expected)} tensors"
    return loaded + (f"; dropped {_first(found.dropped)}" if found.dropped else "")


def _own_file(weights: str | Path) -> Path:
    path = Path(weights)
    if not path.exists():
        close = get_close_matches(str(weights), WEIGHTS, n=1)
        hint = f" Did you mean '{close[0]}'?" if close else ""
        raise UserError(
            f"The weights '{weights}' are neither 'random' nor a file that exists, nor a name that "
            f"'twinlens weights list' shows.{hint}"
        )
    return path


def _flaw(encoder: Encoder, path: Path, entry: Published) -> str:
    """Say how a file differs from the published one, or return an empty string."""
    size = path.stat().st_size
    if entry.size not in (None, size):
        return f"it has {size} bytes instead of {entry.size}"
    digest = sha256(path)[: len(entry.sha256)]
    if digest != entry.sha256:
        return f"its sha256 begins with {digest[:8]} instead of {entry.sha256[:8]}"
    try:
        found = match(encoder, read_tensors(path))
    except UserError as error:
        return str(error).removesuffix(".")
    if entry.total is not None and abs(found.total - entry.total) > SUM_TOLERANCE:
        return f"its parameters sum to {found.total:.4f} instead of {entry.total:.4f}"
    return found.problems


def misfits(expected: Mapping[str, Tensor], found: Mapping[str, Tensor]) -> str:
    """Say how the tensors of a file differ from those of a module, or return an empty string."""
    reshaped = [
        f"{key} is {_shape(found[key])} instead of {_shape(expected[key])}"
        for key in expected
        if key in found and found[key].shape != expected[key].shape
    ]
    missing = [
        f"{key} ({_shape(tensor)})"
        for key, tensor in expected.items()
        if key not in found and not _is_counter(key)
    ]
    foreign = [f"{key} ({_shape(tensor)})" for key, tensor in found.items() if key not in expected]
    groups = (("of another shape", reshaped), ("missing", missing), ("unknown to it", foreign))
    return "; ".join(f"{len(keys)} {what}: {_first(keys)}" for what, keys in groups if keys)


def _is_counter(key: str) -> bool:
    return key.endswith("num_batches_tracked")


def _shape(tensor: Tensor) -> str:
    return "x".join(map(str, tensor.shape)) or "scalar"


def _first(items: list[str]) -> str:
    more = len(items) - _SHOWN
    return ", ".join(items[:_SHOWN]) + (f" and {more} more" if more > 0 else "")


def save_tensors(
    path: Path, tensors: Mapping[str, Tensor], metadata: Mapping[str, str] | None = None
) -> None:
    """Write tensors, and what to say of them in the header, as a safetensors file, whole or not."""
    plain = {key: tensor.detach().cpu().contiguous() for key, tensor in tensors.items()}
    with atomic_file(path) as temporary:
        save_file(plain, temporary, metadata={"format": "pt", **(metadata or {})})


def read_tensors(path: Path) -> dict[str, Tensor]:
    """Read the named tensors of a weight file.

    Raises:
        UserError: The file is missing, empty, damaged, of another kind, or holds code.
    """
    if not path.is_file():
        raise UserError(f"{path} is not a file.")
    if path.stat().st_size == 0:
        raise UserError(f"{path} is empty.")
    if path.name.endswith(".safetensors"):
        return _read_safetensors(path)
    if path.name.endswith(_PICKLES):
        return _read_pickle(path)
    raise UserError(f"{path} is no weight file: its name must end in {_names()}.")


def _names() -> str:
    return f".safetensors, {', '.join(_PICKLES[:-1])} or {_PICKLES[-1]}"


def _read_safetensors(path: Path) -> dict[str, Tensor]:
    try:
        return load_file(path)
    except SafetensorError as error:
        raise UserError(f"{path} is damaged or no safetensors file: {error}.") from error


def _read_pickle(path: Path) -> dict[str, Tensor]:
    try:
        with warnings.catch_warnings(action="ignore"):  # our sentence says it better
            content = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise UserError(_refusal(path, str(error))) from error
    except Exception as error:  # torch.load meets damage with errors of any class
        raise UserError(f"{path} is damaged or no file of torch.save.") from error
    for nest in _NESTS:
        if isinstance(content, dict) and isinstance(content.get(nest), dict):
            content = content[nest]
    if not isinstance(content, dict) or not content or not _all_tensors(content.items()):
        raise UserError(
            f"{path} holds no dictionary of named tensors, neither at its top nor under "
            f"{' or '.join(map(repr, _NESTS))}."
        )
    return content


def _all_tensors(items: Iterable[tuple[Any, Any]]) -> bool:
    return all(isinstance(key, str) and isinstance(value, Tensor) for key, value in items)


def _refusal(path: Path, reason: str) -> str:
    named = re.search(r"GLOBAL (\S+)", reason)
    what = f" (it calls for {named[1]})" if named else ""
    return (
        f"{path} is refused: it does not hold tensors alone{what}, and loading anything else "
        "could run foreign code. Save its state dict alone, best as .safetensors."
    )
