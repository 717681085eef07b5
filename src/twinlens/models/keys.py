"""Names of tensors in other tools' files, translated to those of an encoder."""

import re
from collections import defaultdict
from collections.abc import Container, Iterable

_WRAPPERS = re.compile(r"\b(_orig_mod|_fsdp_wrapped_module|_checkpoint_wrapped_module)\.")
"""Parts that torch.compile, FSDP and activation checkpointing put into names, at any place."""

_LEFTOVERS = re.compile(
    r"fc|heads?|\w*classifier|lm_head|last_layer"
    r"|projector|projection\w*|predictor|prediction\w*|prototypes|decoder\w*|mask(ed)?_\w+|queue\w*"
    r"|(momentum|teacher|student|target|ema)\w*|\w*_(momentum|teacher|student|target|ema)|encoder_k"
)
"""First parts of names that are no encoder's: classifiers, parts of a method, second copies."""

_COPIES = re.compile(r"\b(momentum|student|target|encoder_k)|_(momentum|student|target)\b")
"""In prefixes of the copy that is not taken where there are two: DINO's teacher is the model."""

_LAYERS = {
    "0": "conv1",
    "1": "bn1",
    "4": "layer1",
    "5": "layer2",
    "6": "layer3",
    "7": "layer4",
}
"""Indices of the layers in fastai's and lightly's bodies, sequences of a ResNet's children."""


def recognise(keys: Iterable[str], expected: Container[str]) -> dict[str, str | None]:
    """Return the name in the encoder of each tensor of a file.

    The prefix is taken off under which most of the encoder's names are found, such as
    ``module.encoder_q.`` or ``teacher.backbone.``; what has another one, such as a projector, is
    no part of the encoder.

    Args:
        keys: The file's names.
        expected: The encoder's.

    Returns:
        For each name of the file the encoder's, or None if it is to be left out: a classifier, or
        another part of a larger model. Names that do not fit stay as they are.
    """
    plain = {key: _WRAPPERS.sub("", key) for key in keys}
    found: dict[tuple[str, bool], set[str]] = defaultdict(set)
    for name in plain.values():
        for prefix in _prefixes(name):
            rest = name.removeprefix(prefix)
            for by_layer, inner in ((False, rest), (True, _by_layer(rest))):
                if inner in expected:
                    found[prefix, by_layer].add(inner)
    if not found:
        return {key: key for key in plain}
    prefix, by_layer = min(
        found,
        key=lambda way: (-len(found[way]), bool(_COPIES.search(way[0])), way[1], len(way[0])),
    )

    def translate(name: str) -> str | None:
        if not name.startswith(prefix):
            return None
        inner = name.removeprefix(prefix)
        inner = _by_layer(inner) if by_layer else inner
        leftover = inner not in expected and _LEFTOVERS.fullmatch(inner.partition(".")[0])
        return None if leftover else inner

    return {key: translate(name) for key, name in plain.items()}


def _prefixes(name: str) -> list[str]:
    """Return what may stand before a name: nothing, or some of its first parts."""
    return ["", *(name[: dot.end()] for dot in re.finditer(r"\.", name))]


def _by_layer(name: str) -> str:
    index, dot, rest = name.partition(".")
    return _LAYERS.get(index, index) + dot + rest
