"""Files that lie elsewhere, named by a URL: ``https://``, ``s3://``, ``gs://``, by fsspec.

Accounts and addresses are given as fsspec's packages take them, by environment variables or
fsspec's configuration files.
"""

import re
from typing import Any

from twinlens.errors import UserError, require

_URL = re.compile(r"([a-z][a-z0-9+.\-]*)://", re.IGNORECASE)


def is_url(name: object) -> bool:
    """Return whether this is text that begins like ``https://``."""
    return isinstance(name, str) and _URL.match(name) is not None


def protocol(url: str) -> str:
    """Return what a URL begins with, such as ``https``."""
    found = _URL.match(url)
    assert found is not None
    return found[1].lower()


def locate(url: str) -> tuple[Any, str]:
    """Return the file system of a URL, and the path in it.

    Raises:
        UserError: A package is missing, or the URL is wrong.
    """
    fsspec = require("fsspec", extra="remote")
    try:
        files, path = fsspec.core.url_to_fs(url)
    except ImportError as error:  # it names the package
        raise UserError(f"{protocol(url)}:// needs another package: {error}.") from error
    except ValueError as error:
        raise UserError(f"{url} cannot be used: {reason(error)}.") from error
    return files, path


def reason(error: Exception) -> str:
    """Return the first line of what an error says, without its full stop."""
    return (str(error) or type(error).__name__).partition("\n")[0].rstrip(".")
