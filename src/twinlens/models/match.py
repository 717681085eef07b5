"""Whether the tensors of a file fit an encoder, strict about names and shapes."""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import accumulate

import torch
from torch import Tensor

from twinlens.models.encoders import Encoder
from twinlens.models.keys import recognise

_SHOWN = 3


@dataclass(frozen=True)
class Match:
    """The tensors of a file, by the names of an encoder.

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


def match(encoder: Encoder, tensors: Mapping[str, Tensor]) -> Match:
    """Compare a file's tensors with an encoder's."""
    expected = encoder.state_dict()
    names = recognise(tensors, expected)
    renamed = {name: tensors[key] for key, name in names.items() if name is not None}
    learned = {key.removeprefix("network.") for key, _ in encoder.named_parameters()}
    return Match(
        names,
        renamed,
        problems=misfits(expected, renamed),
        total=sum(
            renamed[key].sum(dtype=torch.float64).item() for key in renamed if key in learned
        ),
    )


def describe_match(encoder: Encoder, match: Match) -> str:
    """Describe what was loaded, such as "loaded 318 of 318 tensors; dropped fc.weight, fc.bias"."""
    expected = [k for k in encoder.state_dict() if k in match.tensors or not _is_counter(k)]
    loaded = f"loaded {len(match.tensors)} of {len(expected)} tensors"
    if not match.dropped:
        return loaded
    if len(match.dropped) <= _SHOWN:
        return f"{loaded}; dropped {', '.join(match.dropped)}"
    parts = Counter(_parts(match)).items()
    listed = ", ".join(f"{part} ({count})" if count > 1 else part for part, count in parts)
    return f"{loaded}; dropped {listed}"


def _parts(match: Match) -> Iterator[str]:
    """Yield for each dropped tensor the part of the file's model that it is of, such as "fc"."""
    kept = {start for key, name in match.names.items() if name for start in _starts(key)}
    for key in match.dropped:
        yield next((start for start in _starts(key) if start not in kept), key)


def _starts(key: str) -> list[str]:
    """Return the beginnings of a name: of "a.b.c" these are "a", "a.b" and "a.b.c"."""
    return list(accumulate(key.split("."), "{}.{}".format))


def misfits(expected: Mapping[str, Tensor], given: Mapping[str, Tensor]) -> str:
    """Describe why the tensors of a file are not those of a module; empty if they fit."""
    reshaped = [
        f"{key} is {_shape(given[key])} instead of {_shape(expected[key])}"
        for key in expected
        if key in given and given[key].shape != expected[key].shape
    ]
    missing = [
        f"{key} ({_shape(tensor)})"
        for key, tensor in expected.items()
        if key not in given and not _is_counter(key)
    ]
    unknown = [f"{key} ({_shape(tensor)})" for key, tensor in given.items() if key not in expected]
    broken = [key for key, tensor in given.items() if not tensor.isfinite().all()]
    groups = (
        ("of another shape", reshaped),
        ("missing", missing),
        ("unknown to it", unknown),
        ("not finite, so the training that wrote them diverged", broken),
    )
    return "; ".join(f"{len(keys)} {what}: {_first(keys)}" for what, keys in groups if keys)


def _is_counter(key: str) -> bool:
    return key.endswith("num_batches_tracked")


def _shape(tensor: Tensor) -> str:
    return "x".join(map(str, tensor.shape)) or "scalar"


def _first(items: list[str]) -> str:
    more = len(items) - _SHOWN
    return ", ".join(items[:_SHOWN]) + (f" and {more} more" if more > 0 else "")
