"""Names of tensors in other tools' files, translated to those of an encoder."""

from collections.abc import Container, Iterable

_PREFIXES = ("module.", "backbone.", "encoder.")
_HEADS = ("fc.", "classifier.", "head.")
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

    Outer prefixes (``module.``, ``backbone.``, ``encoder.``, also stacked) are taken off until
    names fit; what stood beside such a prefix, such as a projector, is no part of the encoder.

    Args:
        keys: The file's names.
        expected: The encoder's.

    Returns:
        For each name of the file the encoder's, or None if it is to be left out: a classifier, or
        another part of a larger model. Names that do not fit stay as they are.
    """
    keys = list(keys)
    names = dict(zip(keys, keys, strict=True))
    while names:
        for rename in (str, _by_layer):
            renamed = {key: rename(name) for key, name in names.items()}
            if any(name in expected for name in renamed.values()):
                return dict.fromkeys(keys) | _without_head(renamed, expected)
        prefix = next((p for p in _PREFIXES if any(n.startswith(p) for n in names.values())), None)
        if prefix is None:
            break
        names = {key: n.removeprefix(prefix) for key, n in names.items() if n.startswith(prefix)}
    return dict(zip(keys, keys, strict=True))


def _by_layer(name: str) -> str:
    index, dot, rest = name.partition(".")
    return _LAYERS.get(index, index) + dot + rest


def _without_head(names: dict[str, str], expected: Container[str]) -> dict[str, str | None]:
    return {
        key: None if name.startswith(_HEADS) and name not in expected else name
        for key, name in names.items()
    }
