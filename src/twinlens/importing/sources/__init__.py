"""Where images come from: one module per kind of source, which detects and reads its layout."""

from typing import TYPE_CHECKING

from twinlens.registry import Registry

if TYPE_CHECKING:
    from twinlens.importing.source import SourceKind

_HERE = "twinlens.importing.sources"

SOURCES: "Registry[SourceKind]" = Registry(
    "kind of source",
    {
        "isic2019": f"{_HERE}.isic2019:SOURCE",
        "ham10000": f"{_HERE}.ham10000:SOURCE",
        "isic2018": f"{_HERE}.isic2018:SOURCE",
        "dicom": f"{_HERE}.dicom:SOURCE",
        "medmnist": f"{_HERE}.medmnist:SOURCE",
        "parquet": f"{_HERE}.parquet:SOURCE",
        "csv": f"{_HERE}.csv:SOURCE",
        "folder": f"{_HERE}.folder:SOURCE",
        "unlabelled": f"{_HERE}.unlabelled:SOURCE",
        "phantom": f"{_HERE}.phantom:SOURCE",
    },
    group="twinlens.sources",
)
"""By name, in the order in which they are asked whether they recognise a source."""
