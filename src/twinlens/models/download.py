"""Download of one file: resumed after a broken connection, verified, and whole or absent."""

import os
import ssl
import time
from collections.abc import Callable
from http.client import HTTPException, HTTPResponse
from pathlib import Path
from urllib.error import HTTPError, URLError
from urllib.request import Request, urlopen

from filelock import FileLock

from twinlens.console import progress
from twinlens.errors import UserError

_ATTEMPTS = 6
_PAUSE_S = 1.0
_TIMEOUT_S = 30.0
_CHUNK = 1 << 20
_MB = 1_000_000
_BROKEN = (ConnectionError, TimeoutError, HTTPException, ssl.SSLError)
_BUSY = (408, 429)
_PARTIAL, _BEYOND_THE_END = 206, 416


def cache_folder() -> Path:
    """Return the folder of downloaded weights: $TWINLENS_CACHE or ~/.cache/twinlens/weights."""
    chosen = os.environ.get("TWINLENS_CACHE")
    return Path(chosen) if chosen else Path.home() / ".cache" / "twinlens" / "weights"


def download(
    address: str, path: Path, *, flaw: Callable[[Path], str], size: int | None = None
) -> None:
    """Download a file, or wait for another process that does; on failure `path` does not exist.

    A broken download (``.part``) is resumed, also by a later call, as long as the server's entity
    tag shows that the file has not changed.

    Args:
        address: The file's URL.
        path: File to make.
        flaw: Returns what is wrong with a downloaded file, or an empty string.
        size: Its size in bytes, if known.

    Raises:
        UserError: The server cannot be reached or refuses, or its file is not the right one.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(
            f"The folder of downloaded weights, {path.parent}, cannot be made ({error.strerror}): "
            "set TWINLENS_CACHE to one that can."
        ) from error
    lock = path.with_name(f"{path.name}.lock")
    with FileLock(lock):
        if path.exists():  # another process was faster
            return
        part = path.with_name(f"{path.stem}.part{path.suffix}")
        _receive(address, part, size, path)
        if wrong := flaw(part):
            _forget(part)
            raise UserError(
                f"What {address} serves is not the published file ({wrong}), and was not kept: "
                f"try again later, or put the right file at {path}."
            )
        with part.open("rb") as file:
            os.fsync(file.fileno())
        part.replace(path)
        _forget(part)
    lock.unlink(missing_ok=True)


def _receive(address: str, part: Path, size: int | None, path: Path) -> None:
    for attempt in range(_ATTEMPTS):
        time.sleep(_PAUSE_S * (2**attempt - 1))
        try:
            _attempt(address, part, size)
            return
        except HTTPError as error:
            error.close()
            reason = f"the server answers {error.code} {error.reason}"
            if error.code == _BEYOND_THE_END:
                _forget(part)
            elif error.code < 500 and error.code not in _BUSY:
                break
        except URLError as error:
            reason = f"no connection: {error.reason}"
            if attempt == 0:
                break
        except _BROKEN as error:
            reason = str(error) or type(error).__name__
    raise UserError(
        f"{address} could not be downloaded ({reason}): try again, or fetch it on another machine "
        f"and put it at {path}."
    )


def _attempt(address: str, part: Path, size: int | None) -> None:
    """Append the missing bytes to `part`, or start over; a connection that ends early raises."""
    tag, done = _tag(part), 0
    headers = {"User-Agent": "twinlens", "Accept-Encoding": "identity"}
    if tag.exists() and part.exists():
        done = part.stat().st_size
        headers |= {"Range": f"bytes={done}-", "If-Range": tag.read_text(encoding="utf-8")}
    with urlopen(Request(address, headers=headers), timeout=_TIMEOUT_S) as response:
        resumed = _continues(response, tag, done)
        done = done if resumed else 0
        total = _total(response, done, size, address)
        if not resumed:
            _begin(part, response)
        with (
            part.open("ab") as file,
            progress(f"Downloading {address.rpartition('/')[2]}", total // _MB) as show,
        ):
            while done <= total and (chunk := response.read(_CHUNK)):
                file.write(chunk)
                done += len(chunk)
                show(done // _MB, "MB")
    if done < total:
        raise ConnectionError(f"the connection ended after {done} of {total} bytes")


def _continues(response: HTTPResponse, tag: Path, done: int) -> bool:
    """Whether the response continues the partial file; raises if it is another part."""
    if response.status != _PARTIAL:
        return False
    same = response.headers.get("ETag") == tag.read_text(encoding="utf-8")
    if not (same and response.headers.get("Content-Range", "").startswith(f"bytes {done}-")):
        tag.unlink()
        raise ConnectionError("the server did not resume where the download had stopped")
    return True


def _begin(part: Path, response: HTTPResponse) -> None:
    """Empty `part`, and note the entity tag: without a strong one nothing can be resumed."""
    _forget(part)
    served = response.headers.get("ETag", "")
    if served.startswith('"'):
        _tag(part).write_text(served, encoding="utf-8")


def _total(response: HTTPResponse, done: int, size: int | None, address: str) -> int:
    length = response.headers.get("Content-Length")
    total = size if length is None else done + int(length)
    if total is None:
        raise UserError(
            f"{address} is served without its length, so that a broken download would go "
            "unnoticed: download it by hand, and give the file to --weights."
        )
    if size not in (None, total):
        raise UserError(
            f"{address} is served with {total} bytes instead of the published {size}: it is not "
            "the published file."
        )
    return total


def _tag(part: Path) -> Path:
    return part.with_name(f"{part.name}.etag")


def _forget(part: Path) -> None:
    part.unlink(missing_ok=True)
    _tag(part).unlink(missing_ok=True)
