"""Reading the images of a request, under the limits."""

import asyncio
from collections.abc import AsyncGenerator
from typing import TYPE_CHECKING

from python_multipart import MultipartParser
from python_multipart.exceptions import FormParserError
from python_multipart.multipart import parse_options_header
from starlette.requests import ClientDisconnect, Request

from twinlens.serving.guard import RefusedError
from twinlens.serving.limits import Limits

if TYPE_CHECKING:
    from python_multipart.multipart import MultipartCallbacks

_OTHERS = 4
"""Parts beside the images that a form may have; they are ignored."""


async def read_images(request: Request, limits: Limits) -> list[bytes]:
    """Return the files of a form, in order. Nothing of them touches the disk.

    Raises:
        RefusedError: It is no form, is malformed, too large or too slow, or holds no file or too
            many.
    """
    kind, options = parse_options_header(request.headers.get("content-type", ""))
    if kind != b"multipart/form-data":
        raise RefusedError(415, "Send images as files of a form: multipart/form-data.")
    form = _Form(limits.max_images)
    try:
        parser = MultipartParser(options.get(b"boundary", b""), form.callbacks)
        async with asyncio.timeout(limits.upload_seconds):
            async for part in _counted(request, limits.max_bytes):
                parser.write(part)
    except TimeoutError as error:
        raise RefusedError(
            408, f"The request did not arrive within {limits.upload_seconds:g} s."
        ) from error
    except (FormParserError, ClientDisconnect) as error:
        raise RefusedError(400, "The form is malformed: multipart/form-data is wanted.") from error
    if not form.complete:
        raise RefusedError(400, "The form is incomplete: its last boundary is missing.")
    if not form.files:
        raise RefusedError(422, "The form holds no file: send one or several images.")
    return [bytes(file) for file in form.files]


async def _counted(request: Request, limit: int) -> AsyncGenerator[bytes]:
    """Yield the body as it arrives, and stop as soon as it is too long."""
    too_large = RefusedError(413, f"A request may have {limit / 1e6:g} MB.")
    declared = request.headers.get("content-length", "")
    if declared.isdecimal() and int(declared) > limit:
        raise too_large
    received = 0
    async for part in request.stream():
        received += len(part)
        if received > limit:
            raise too_large
        yield part


class _Form:
    """The files of a form as its parts arrive.

    Attributes:
        files: Content of each.
        complete: Whether the last boundary has come.
    """

    def __init__(self, max_files: int) -> None:
        self.files: list[bytearray] = []
        self.complete = False
        self._max_files, self._others = max_files, 0
        self._header, self._value, self._disposition = b"", b"", b""
        self._is_file = False

    @property
    def callbacks(self) -> "MultipartCallbacks":
        """What the parser calls."""
        return {
            "on_part_begin": self._part_begin,
            "on_header_field": self._header_field,
            "on_header_value": self._header_value,
            "on_header_end": self._header_end,
            "on_headers_finished": self._headers_finished,
            "on_part_data": self._part_data,
            "on_end": self._end,
        }

    def _part_begin(self) -> None:
        self._disposition = b""

    def _header_field(self, data: bytes, start: int, end: int) -> None:
        self._header += data[start:end]

    def _header_value(self, data: bytes, start: int, end: int) -> None:
        self._value += data[start:end]

    def _header_end(self) -> None:
        if self._header.lower() == b"content-disposition":
            self._disposition = self._value
        self._header = self._value = b""

    def _headers_finished(self) -> None:
        self._is_file = b"filename" in parse_options_header(self._disposition)[1]
        self._others += not self._is_file
        if self._is_file:
            self.files.append(bytearray())
        if len(self.files) > self._max_files:
            raise RefusedError(413, f"A request may have {self._max_files} images.")
        if self._others > _OTHERS:
            raise RefusedError(400, "The form has parts that are no files.")

    def _part_data(self, data: bytes, start: int, end: int) -> None:
        if self._is_file:
            self.files[-1] += data[start:end]

    def _end(self) -> None:
        self.complete = True
