"""The log of test openings: who looked at test images, and when. It only ever grows."""

import json
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

OPENINGS = "test_openings.jsonl"


def log_opening(path: Path, *, images: int, by: str) -> None:
    """Append an entry, on disk before the first test image is read."""
    now = datetime.now(UTC).isoformat(timespec="seconds")
    with path.open("a", encoding="utf-8") as file:
        file.write(json.dumps({"time": now, "images": images, "by": by}) + "\n")
        file.flush()
        os.fsync(file.fileno())


def read_openings(path: Path) -> list[dict[str, Any]]:
    """Return all entries, oldest first."""
    if not path.exists():
        return []
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
