"""A number with its interval."""

from twinlens.records.base import Record


class Estimate(Record):
    """A number computed from images, with its 95 % interval over other groups of images.

    Attributes:
        value: The number; null where it is undefined.
        low: Lower end of the interval; null where there is none.
        high: Upper end.
        note: Why there is no number, or no interval; empty where there are both.
    """

    value: float | None
    low: float | None = None
    high: float | None = None
    note: str = ""
