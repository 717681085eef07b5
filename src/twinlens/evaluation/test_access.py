"""The test access log: who looked at test images, and when. It only ever grows."""

import json
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

TEST_ACCESS = "test_access.jsonl"


def log_test_access(path: Path, *, images: int, by: str) -> None:
    """Append an entry, on disk before the first test image is read."""
    now = datetime.now(UTC).isoformat(timespec="seconds")
    with path.open("a", encoding="utf-8") as file:
        file.write(json.dumps({"time": now, "images": images, "by": by}) + "\n")
        file.flush()
        os.fsync(file.fileno())


def read_test_access(path: Path) -> list[dict[str, Any]]:
    """Return all entries, oldest first."""
    if not path.exists():
        return []
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
