"""Label efficiency: with how many labels the reference scores as well as an arm."""

from collections.abc import Callable, Iterable, Mapping
from itertools import takewhile
from typing import NamedTuple

from twinlens.evaluation.uncertainty.statistics import Interval


class Gap(NamedTuple):
    """Score of an arm minus that of the reference at some number of labels; higher is better."""

    mean: float
    interval: Interval


class Bracket(NamedTuple):
    """Numbers of labels, of those run; an end beyond them is None."""

    low: int | None
    high: int | None


class Equivalence(NamedTuple):
    """Between which numbers of labels the reference scores as well as an arm.

    Attributes:
        means: By the means alone.
        confident: At the level of the intervals of the gaps.
    """

    means: Bracket
    confident: Bracket


def equivalent_labels(gaps: Mapping[int, Gap]) -> Equivalence:
    """Bracket the number of labels with which the reference scores as well as an arm.

    Nothing is assumed of the reference's learning curve but that it does not fall: nothing is
    interpolated. The lower end is the last number of labels, from the fewest on, with which the
    reference is worse for sure; the upper end the last one, from the most down, with which it is
    better for sure. As both searches end where the first test fails, each is wrong as seldom as
    one test (Maurer, Hothorn and Lehmacher 1995), half of the intervals' error.

    Args:
        gaps: By the reference's number of labels, two or more.
    """
    up = sorted(gaps)
    down = up[::-1]
    return Equivalence(
        Bracket(
            _last(up, lambda gap: gap.mean >= 0, gaps),
            _last(down, lambda gap: gap.mean <= 0, gaps),
        ),
        Bracket(
            _last(up, lambda gap: (gap.interval.low or 0) > 0, gaps),
            _last(down, lambda gap: (gap.interval.high or 0) < 0, gaps),
        ),
    )


def _last(
    amounts: Iterable[int], passes: Callable[[Gap], bool], gaps: Mapping[int, Gap]
) -> int | None:
    """Return the last amount before the first that fails; None where the first one does."""
    passed = [*takewhile(lambda amount: passes(gaps[amount]), amounts)]
    return passed[-1] if passed else None
