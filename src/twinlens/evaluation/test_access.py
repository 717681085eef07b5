"""The test access log: what evaluated test images, and when. Entries are only ever added."""

import os
from datetime import UTC, datetime
from pathlib import Path

from twinlens.records.results import TestAccess

TEST_ACCESS = "test_access.jsonl"


def log_test_access(path: Path, *, images: int, by: str, seeds: int | None = None) -> None:
    """Append an entry, on disk before the first test image is read.

    Args:
        path: The log.
        images: Number of test images.
        by: The run, or what else evaluates them.
        seeds: For a look at the results of a study, the number of seeds.
    """
    time = datetime.now(UTC).isoformat(timespec="seconds")
    entry = TestAccess(time=time, images=images, by=by, seeds=seeds)
    with path.open("a", encoding="utf-8") as file:
        file.write(entry.model_dump_json(exclude_none=True) + "\n")
        file.flush()
        os.fsync(file.fileno())


def read_test_access(path: Path) -> list[TestAccess]:
    """Return all entries, oldest first."""
    if not path.exists():
        return []
    lines = path.read_text(encoding="utf-8").splitlines()
    return [TestAccess.parse_text(line, str(path)) for line in lines]


def log_look(path: Path, *, images: int, seeds: int) -> list[int]:
    """Log that the results of a study are looked at, unless they were with as many seeds or more.

    Returns:
        The numbers of seeds at all looks, this one included, in ascending order.
    """
    looks = {entry.seeds for entry in read_test_access(path) if entry.seeds}
    if seeds > max(looks, default=1):
        log_test_access(path, images=images, by="a look at the results", seeds=seeds)
        looks.add(seeds)
    return sorted(looks)
