"""Reading the images of a request, under the limits."""

import asyncio
from collections.abc import AsyncGenerator

from starlette.datastructures import UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import ClientDisconnect, Request

from twinlens.serving.guard import RefusedError
from twinlens.serving.limits import Limits

_FIELDS, _FIELD_BYTES = 4, 1000  # of what else a form may hold; it is ignored


async def read_images(request: Request, limits: Limits) -> list[bytes]:
    """Return the files of a form, in order; nothing of them touches the disk.

    Raises:
        RefusedError: It is no form, is malformed, too large or too slow, or holds no file or too
            many.
    """
    if not request.headers.get("content-type", "").startswith("multipart/form-data"):
        raise RefusedError(415, "Send images as files of a form: multipart/form-data.")
    parser = MultiPartParser(
        request.headers,
        _counted(request, limits.max_bytes),
        max_files=limits.max_images,
        max_fields=_FIELDS,
        max_part_size=_FIELD_BYTES,
    )
    parser.spool_max_size = 2 * limits.max_bytes  # never
    try:
        async with asyncio.timeout(limits.upload_seconds):
            form = await parser.parse()
    except TimeoutError as error:
        raise RefusedError(
            408, f"The request did not arrive within {limits.upload_seconds:g} s."
        ) from error
    except MultiPartException as error:
        raise RefusedError(400, f"The form cannot be read: {error.message}") from error
    except ClientDisconnect as error:
        raise RefusedError(400, "The client left.") from error
    files = [value for _, value in form.multi_items() if isinstance(value, UploadFile)]
    images = [await file.read() for file in files]
    await form.close()
    if not images:
        raise RefusedError(422, "The form holds no file: send one or several images.")
    return images


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
