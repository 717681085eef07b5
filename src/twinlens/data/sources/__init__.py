"""Where images come from: a function a kind, from a source and options to a `Source`."""

from collections.abc import Callable

from twinlens.data.source import Options, Source
from twinlens.data.sources import csv, folder, phantom

SOURCES: dict[str, Callable[[str, Options], Source]] = {
    "folder": folder.read,
    "unlabelled": folder.read_unlabelled,
    "csv": csv.read,
    "phantom": phantom.read,
}
