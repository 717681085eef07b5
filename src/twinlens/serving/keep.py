"""Storing images and answers, if asked for: `--keep FOLDER`."""

import json
import os
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

from twinlens.files import atomic_file
from twinlens.importing.decode import decode
from twinlens.serving.answers import Answer

ANSWERS = "answers.jsonl"


class Keeper:
    """A folder with one PNG per image, and a line of JSON about each.

    Images are stored as decoded, without name and metadata. A line is written after its image, in
    one call; half a line that a killed server left is cut off at the next start.

    Args:
        folder: The folder; made if it is missing.
    """

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder, self._answers = folder, folder / ANSWERS
        if self._answers.exists():
            content = self._answers.read_bytes()
            os.truncate(self._answers, content.rfind(b"\n") + 1)

    def keep(self, content: bytes, answer: Answer) -> None:
        """Store an image, given as a file, and the answer without the pictures in it."""
        name = uuid4().hex
        with atomic_file(self._folder / f"{name}.png") as temporary:
            decode(content).save(temporary, "PNG", compress_level=1)
        told = answer.model_dump(exclude={"image", "error", "grad_cam"})
        for case in told["nearest"]:
            del case["picture"]
        about = {"file": f"{name}.png", "time": datetime.now(UTC).isoformat(timespec="seconds")}
        line = json.dumps(about | told, ensure_ascii=False) + "\n"
        descriptor = os.open(self._answers, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        try:
            os.write(descriptor, line.encode())
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
