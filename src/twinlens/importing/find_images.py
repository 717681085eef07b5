"""Finding image files."""

from pathlib import Path

from twinlens.importing.decode import DICOM_HEAD, is_dicom

SUFFIXES = {
    ".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".bmp", ".gif", ".tif", ".tiff", ".webp", ".jp2",
    ".pbm", ".pgm", ".ppm",
}  # fmt: skip
DICOM_SUFFIXES = {".dcm", ".dicom", ".ima"}


def is_image(path: Path) -> bool:
    """Return whether a file is an image by its name, or DICOM, which often has no suffix."""
    if path.suffix.lower() in SUFFIXES | DICOM_SUFFIXES:
        return True
    return path.name != "DICOMDIR" and path.is_file() and holds_dicom(path)


def image_files(root: Path) -> list[Path]:
    """Return the image files below a folder, sorted; hidden files and folders are left out."""
    paths = (path for path in root.rglob("*") if not _hidden(path.relative_to(root)))
    return sorted(path for path in paths if is_image(path))


def holds_dicom(path: Path) -> bool:
    """Return whether a file is DICOM by its content, whatever its name."""
    try:
        with path.open("rb") as file:
            return is_dicom(file.read(DICOM_HEAD))
    except OSError:
        return False


def _hidden(path: Path) -> bool:
    return any(part.startswith((".", "__MACOSX")) for part in path.parts)
