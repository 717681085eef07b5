"""Files that lie elsewhere, named by a URL: ``https://``, ``s3://``, ``gs://``, by fsspec.

Accounts and addresses are given as fsspec's packages take them, by environment variables or
fsspec's configuration files.
"""

import re
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory
from typing import Any

import pandas as pd

from twinlens.errors import UserError, require
from twinlens.importing.decode import ImageError
from twinlens.importing.listing import DICOM_SUFFIXES, SUFFIXES, is_hidden
from twinlens.importing.table_file import TABLE_SUFFIXES, read_cells

_URL = re.compile(r"([a-z][a-z0-9+.\-]*)://", re.IGNORECASE)
_WEB = ("http", "https")


def is_url(name: object) -> bool:
    """Return whether this is text that begins like ``https://``."""
    return isinstance(name, str) and _URL.match(name) is not None


def read_url(url: str) -> bytes:
    """Read a file.

    Raises:
        ImageError: It cannot be read; the text is the reason.
        UserError: A package is missing.
    """
    files, path = _located(url)
    try:
        content: bytes = files.cat_file(path)
    except FileNotFoundError as error:
        raise ImageError("no such file") from error
    except Exception as error:  # every protocol has its own
        raise ImageError(f"cannot be read ({_reason(error)})") from error
    return content


def image_urls(url: str) -> list[str] | None:
    """Return the images below a folder, or those that a pattern fits, sorted; None for a file.

    On the web a folder is what ends in a slash, its server has to list it, and a pattern is what
    has an asterisk.

    Raises:
        UserError: It cannot be listed, or a package is missing.
    """
    files, path = _located(url)
    web = _protocol(url) in _WEB
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
        raise UserError(f"{url} cannot be listed ({_reason(error)}).") from error
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


def _located(url: str) -> tuple[Any, str]:
    """Return the file system of a URL, and the path in it."""
    fsspec = require("fsspec", extra="remote")
    protocol = _protocol(url)
    try:
        files, path = fsspec.core.url_to_fs(url)
    except ImportError as error:  # it names the package
        raise UserError(f"{protocol}:// needs another package: {error}.") from error
    except ValueError as error:
        raise UserError(f"{url} cannot be used: {_reason(error)}.") from error
    return files, path


def _protocol(url: str) -> str:
    found = _URL.match(url)
    assert found is not None
    return found[1].lower()


def _is_image(path: str) -> bool:
    place = PurePosixPath(path)
    return place.suffix.lower() in SUFFIXES | DICOM_SUFFIXES and not is_hidden(place.name)


def _reason(error: Exception) -> str:
    return (str(error) or type(error).__name__).partition("\n")[0].rstrip(".")
