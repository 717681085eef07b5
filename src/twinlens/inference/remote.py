"""Images and tables that lie elsewhere, named by a URL; see `twinlens.remote_files`."""

from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory

import pandas as pd

from twinlens.errors import UserError
from twinlens.importing.decode import ImageError
from twinlens.importing.listing import DICOM_SUFFIXES, SUFFIXES, is_hidden
from twinlens.importing.table_file import TABLE_SUFFIXES, read_cells
from twinlens.remote_files import locate, protocol, reason

_WEB = ("http", "https")


def read_url(url: str) -> bytes:
    """Read a file.

    Raises:
        ImageError: It cannot be read; the text is the reason.
        UserError: A package is missing.
    """
    files, path = locate(url)
    try:
        content: bytes = files.cat_file(path)
    except FileNotFoundError as error:
        raise ImageError("no such file") from error
    except Exception as error:  # every protocol has its own
        raise ImageError(f"cannot be read ({reason(error)})") from error
    return content


def image_urls(url: str) -> list[str] | None:
    """Return the images below a folder, or those that a pattern fits, sorted; None for a file.

    On the web a folder is what ends in a slash, its server has to list it, and a pattern is what
    has an asterisk.

    Raises:
        UserError: It cannot be listed, or a package is missing.
    """
    files, path = locate(url)
    web = protocol(url) in _WEB
    try:
        if set("*" if web else "*?[") & set(path):
            found = [*files.glob(path)]
        elif url.endswith("/") or (not web and files.isdir(path)):
            if web:
                files.ls(path)  # raises what `find` is silent about
            found = [each for each in files.find(path) if _is_image(each)]
        else:
            return None
    except Exception as error:  # every protocol has its own
        raise UserError(f"{url} cannot be listed ({reason(error)}).") from error
    return sorted(map(files.unstrip_protocol, found))


def is_remote_table(url: str) -> bool:
    """Return whether a URL names a table by its suffix."""
    return PurePosixPath(url).suffix.lower() in TABLE_SUFFIXES


def read_remote_cells(url: str) -> pd.DataFrame:
    """Read a table, see `read_cells`.

    Raises:
        UserError: It cannot be read, or is no table.
    """
    try:
        content = read_url(url)
    except ImageError as error:
        raise UserError(f"{url} cannot be used: {error}.") from error
    with TemporaryDirectory() as folder:
        path = Path(folder) / PurePosixPath(url).name
        path.write_bytes(content)
        return read_cells(path)


def _is_image(path: str) -> bool:
    place = PurePosixPath(path)
    return place.suffix.lower() in SUFFIXES | DICOM_SUFFIXES and not is_hidden(place.name)
