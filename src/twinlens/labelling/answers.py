"""The answers of a specialist, in an SQLite file: one transaction for each key."""

import os
import sqlite3
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from twinlens.data.dataset import Dataset
from twinlens.errors import UserError

VERSION = 1
_APPLICATION = 0x54774C62  # how SQLite files of ours are recognised
_TABLES = """
CREATE TABLE data_set (hash TEXT NOT NULL);
CREATE TABLE answer (
    number INTEGER PRIMARY KEY, image TEXT NOT NULL UNIQUE, label TEXT, at TEXT NOT NULL
);
"""

_REASONS = {
    sqlite3.SQLITE_FULL: "does not fit: its disk is full. Make room there",
    sqlite3.SQLITE_READONLY: "may not be written: change its permissions",
    sqlite3.SQLITE_CANTOPEN: "cannot be opened: choose another --out",
    sqlite3.SQLITE_IOERR: "cannot be read or written: check its disk and the limit of file sizes",
    sqlite3.SQLITE_BUSY: "is being written by another process: stop that",
}


@dataclass(frozen=True)
class Answer:
    """An answer.

    Attributes:
        label: Name of the class; None for "cannot tell".
        at: When it was given: ISO 8601, UTC.
    """

    label: str | None
    at: str


class Answers:
    """The answers in a file, which is made if it does not exist.

    A killed process loses nothing, and the file can be opened again: SQLite's write-ahead log is
    flushed to disk with each answer.

    Args:
        path: The file.
        data: The data set, or one that it has grown to since.

    Raises:
        UserError: The file is no such file, of a newer version, or of another data set. Every
            method raises it if the file cannot be read or written.
    """

    def __init__(self, path: Path, data: Dataset) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        with suppress(FileNotFoundError):
            path.stat()  # its error says why there can be no such file; SQLite's does not
        self._path = path
        with self._told():
            # The server answers in another thread than it was made in, but only ever in one.
            self._file = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        try:
            with self._told():
                self._open(path, data)
        except UserError:
            self._file.close()
            raise
        self._place = path.stat()

    def _open(self, path: Path, data: Dataset) -> None:
        (kind,), (version,), (tables,) = (
            self._file.execute(query).fetchone()
            for query in (
                "PRAGMA application_id",
                "PRAGMA user_version",
                "SELECT count(*) FROM sqlite_master",
            )
        )
        if tables and kind != _APPLICATION:
            raise UserError(f"{path} is an SQLite file of something else: choose another --out.")
        if version > VERSION:
            raise UserError(
                f"{path} has version {version}, and this Twinlens knows versions up to {VERSION}: "
                "update Twinlens."
            )
        self._file.execute("PRAGMA journal_mode = WAL")
        self._file.execute("PRAGMA synchronous = FULL")
        if not tables:
            self._file.executescript(
                f"BEGIN; PRAGMA application_id = {_APPLICATION}; PRAGMA user_version = {VERSION};"
                f"{_TABLES} COMMIT"
            )
        (stored,) = self._file.execute("SELECT max(hash) FROM data_set").fetchone()
        if stored is None:
            self._file.execute("INSERT INTO data_set VALUES (?)", (data.hash,))
        elif stored not in data.lineage:
            raise UserError(
                f"{path} holds labels of another data set than {data.path}: choose another --out."
            )

    def given(self) -> dict[str, Answer]:
        """Return the answers by image, in the order in which they were given."""
        with self._told():
            rows = self._file.execute("SELECT image, label, at FROM answer ORDER BY number")
            return {image: Answer(label, at) for image, label, at in rows}

    def give(self, labels: Mapping[str, str | None]) -> None:
        """Store answers by image, all of them or none; an earlier answer is replaced."""
        now = datetime.now(UTC).isoformat(timespec="seconds")
        self._refuse_another_place()
        with self._told(), self._file:  # commits, or takes all of it back
            self._file.execute("BEGIN IMMEDIATE")
            self._file.executemany(
                "INSERT OR REPLACE INTO answer (image, label, at) VALUES (?, ?, ?)",
                [(image, label, now) for image, label in labels.items()],
            )

    def undo(self, images: Collection[str]) -> str | None:
        """Take back the latest answer to one of some images; return which, None for none."""
        latest = next((image for image in reversed(self.given()) if image in images), None)
        self._refuse_another_place()
        with self._told():
            self._file.execute("DELETE FROM answer WHERE image = ?", (latest,))
        return latest

    def _refuse_another_place(self) -> None:
        """Refuse to write where the file was moved or deleted: SQLite would, and all is lost."""
        if not self._path.exists() or not os.path.samestat(self._place, self._path.stat()):
            raise UserError(
                f"{self._path} was moved or deleted meanwhile: put it back and start again."
            )

    @contextmanager
    def _told(self) -> Iterator[None]:
        """Turn what SQLite cannot do with the file into a sentence."""
        try:
            yield
        except sqlite3.DatabaseError as error:
            code = getattr(error, "sqlite_errorcode", None)
            if code is None:  # it is no fault of the file
                raise
            reason = _REASONS.get(code & 0xFF, "is no file of labels: choose another --out")
            raise UserError(f"{self._path} {reason} ({error}).") from error

    def close(self) -> None:
        """Close the file."""
        self._file.close()
