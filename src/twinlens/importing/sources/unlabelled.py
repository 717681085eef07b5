"""A folder of images without labels, sub-folders included; all are for pretraining."""

from pathlib import Path

from twinlens.importing.listing import image_files
from twinlens.importing.source import Options, Source, SourceKind
from twinlens.importing.sources.folder import source_of


def detect(source: str) -> bool:
    """Return whether this is a folder with images."""
    return Path(source).is_dir() and bool(image_files(Path(source)))


def read(source: str, options: Options) -> Source:
    """Read the images of a folder; none of them has a label."""
    paths = image_files(Path(source))
    return source_of(Path(source), paths, [None] * len(paths), ["unlabelled"] * len(paths), options)


SOURCE = SourceKind("a folder of images without labels", detect, read)
