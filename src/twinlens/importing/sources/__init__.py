"""Where images come from: a module a kind, which recognises and reads its layout."""

from twinlens.importing.source import Kind
from twinlens.importing.sources import (
    csv,
    dicom,
    folder,
    ham10000,
    isic2018,
    isic2019,
    medmnist,
    parquet,
    phantom,
    unlabelled,
)

SOURCES: dict[str, Kind] = {
    "isic2019": isic2019,
    "ham10000": ham10000,
    "isic2018": isic2018,
    "dicom": dicom,
    "medmnist": medmnist,
    "parquet": parquet,
    "csv": csv,
    "folder": folder,
    "unlabelled": unlabelled,
    "phantom": phantom,
}
"""In the order in which they are asked whether they recognise a source."""
