"""Storing images and answers, if asked for: `--keep FOLDER`."""

import errno
import json
import os
from datetime import UTC, datetime
from pathlib import Path
from threading import Lock
from uuid import uuid4

from filelock import FileLock, Timeout

from twinlens.errors import UserError
from twinlens.files import atomic_file
from twinlens.importing.decode import decode
from twinlens.serving.answers import Answer

ANSWERS = "answers.jsonl"


class Keeper:
    """A folder with one PNG per image, and a line of JSON about each.

    Images are stored as decoded, without name and metadata. A line is written after its image, in
    one call. What a killed server left by halves is removed at the next start.

    Args:
        folder: The folder; made if it is missing.

    Raises:
        UserError: Another server stores there.
    """

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder, self._answers, self._turn = folder, folder / ANSWERS, Lock()
        self._claim = FileLock(folder / ".lock")
        try:
            self._claim.acquire(blocking=False)
        except Timeout as error:
            raise UserError(f"Another server stores in {folder}: choose another --keep.") from error
        for half in folder.glob(".*.tmp"):
            half.unlink()
        if self._answers.exists():
            content = self._answers.read_bytes()
            os.truncate(self._answers, content.rfind(b"\n") + 1)

    def keep(self, content: bytes, answer: Answer) -> None:
        """Store an image, given as a file, and the answer without the pictures in it.

        Raises:
            OSError, UserError: The disk does not take it; nothing of it is stored then.
        """
        path = self._folder / f"{uuid4().hex}.png"
        with atomic_file(path) as temporary:
            decode(content).save(temporary, "PNG", compress_level=1)
        told = answer.model_dump(exclude={"image", "error", "grad_cam"})
        for case in told["nearest"]:
            del case["picture"]
        about = {"file": path.name, "time": datetime.now(UTC).isoformat(timespec="seconds")}
        try:
            self._append(json.dumps(about | told, ensure_ascii=False).encode() + b"\n")
        except OSError:
            path.unlink(missing_ok=True)
            raise

    def _append(self, line: bytes) -> None:
        """Write a line, whole or not at all."""
        with self._turn:
            descriptor = os.open(self._answers, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
            before = os.fstat(descriptor).st_size
            try:
                if os.write(descriptor, line) < len(line):
                    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(self._answers))
                os.fsync(descriptor)
            except OSError:
                os.ftruncate(descriptor, before)
                raise
            finally:
                os.close(descriptor)
