"""The test access log: what evaluated test images, and when. Entries are only ever added."""

import os
from datetime import UTC, datetime
from pathlib import Path

from twinlens.records.results import TestAccess

TEST_ACCESS = "test_access.jsonl"


def log_test_access(path: Path, *, images: int, by: str) -> None:
    """Append an entry, on disk before the first test image is read."""
    time = datetime.now(UTC).isoformat(timespec="seconds")
    with path.open("a", encoding="utf-8") as file:
        file.write(TestAccess(time=time, images=images, by=by).model_dump_json() + "\n")
        file.flush()
        os.fsync(file.fileno())


def read_test_access(path: Path) -> list[TestAccess]:
    """Return all entries, oldest first."""
    if not path.exists():
        return []
    lines = path.read_text(encoding="utf-8").splitlines()
    return [TestAccess.parse_text(line, str(path)) for line in lines]
