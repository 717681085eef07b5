"""The classes of published data sets, from ``classes.yaml``."""

from pathlib import Path

from twinlens.config import read_yaml
from twinlens.records.dataset import ClassInfo

_TABLES = read_yaml(Path(__file__).with_suffix(".yaml"))

ISIC_CLASSES = {name: ClassInfo(**info) for name, info in _TABLES["isic2019"].items()}
"""The eight diagnoses of ISIC-2019."""

HAM10000_CLASSES = {name: ClassInfo(**info) for name, info in _TABLES["ham10000"].items()}
"""The seven diagnoses of HAM10000 and of ISIC 2018's third task."""

MEDMNIST_CLASSES: dict[str, list[str]] = _TABLES["medmnist"]
"""Titles in the order of their numbers, by the name of the file without a size such as ``_64``."""
