"""Where images come from: a module a kind, which recognises and reads its layout."""

from twinlens.data.source import Kind
from twinlens.data.sources import csv, folder, phantom, unlabelled

SOURCES: dict[str, Kind] = {
    "csv": csv,
    "folder": folder,
    "unlabelled": unlabelled,
    "phantom": phantom,
}
"""In the order in which they are asked whether they recognise a source."""
