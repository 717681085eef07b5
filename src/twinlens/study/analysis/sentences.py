"""The sentences of the verdict and the advice, read from sentences.yaml."""

from functools import cache
from pathlib import Path

from twinlens.config import read_yaml


@cache
def _sentences() -> dict[str, dict[str, str | list[str]]]:
    return read_yaml(Path(__file__).with_name("sentences.yaml"))


def sentences(section: str, name: str, **values: str | float | None) -> list[str]:
    """Return an entry of sentences.yaml, which may be a list, with its values filled in."""
    entry = _sentences()[section][name]
    return [text.format(**values) for text in ([entry] if isinstance(entry, str) else entry)]


def sentence(section: str, name: str, **values: str | float | None) -> str:
    """Return an entry of sentences.yaml as one text, with its values filled in."""
    return " ".join(sentences(section, name, **values))
