"""The command to type next, with which most commands end."""

import shlex

from twinlens.console import say


def suggest(*words: object, purpose: str = "") -> None:
    """Print a command, on standard error like all that is no result.

    Args:
        words: The words after ``twinlens``; those in capitals stand for something to fill in.
        purpose: What it is for, if that is not plain.
    """
    about = f", {purpose}" if purpose else ""
    say(f"Next{about}: twinlens {shlex.join(map(str, words))}")
