"""What a check found: one line, and what to do about it."""

from dataclasses import dataclass
from enum import StrEnum


class Level(StrEnum):
    """How serious a finding is."""

    OK = "ok"
    NOTE = "note"
    BROKEN = "BROKEN"


@dataclass(frozen=True)
class Finding:
    """What a check found.

    Attributes:
        level: How serious it is.
        subject: What was checked, such as a package or a file.
        text: What was found.
        remedy: What to do; empty where there is nothing to do.
    """

    level: Level
    subject: str
    text: str
    remedy: str = ""

    def __str__(self) -> str:
        """Return the finding as a line."""
        remedy = f" {self.remedy}" if self.remedy else ""
        return f"{self.level:<7}{self.subject}: {self.text}{remedy}"


def ok(subject: object, text: str) -> Finding:
    """Return the finding that all is well."""
    return Finding(Level.OK, str(subject), text)


def note(subject: object, text: str, remedy: str = "") -> Finding:
    """Return a finding that a user may want to know."""
    return Finding(Level.NOTE, str(subject), text, remedy)


def broken(subject: object, text: str, remedy: str = "") -> Finding:
    """Return a finding that something does not work or is damaged."""
    return Finding(Level.BROKEN, str(subject), text, remedy)
