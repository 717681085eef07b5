"""Descriptions of a class's fields, taken from its docstring, so that they are written once."""

import inspect
import re


def describe_attributes(cls: type) -> dict[str, str]:
    """Return what the docstrings of a class and its bases say of each attribute.

    >>> class Point:
    ...     '''A point.
    ...
    ...     Attributes:
    ...         x: To the right, in pixels.
    ...     '''
    >>> describe_attributes(Point)
    {'x': 'To the right, in pixels.'}
    """
    described: dict[str, str] = {}
    for parent in reversed(cls.__mro__):
        section = inspect.cleandoc(parent.__doc__ or "").partition("Attributes:\n")[2]
        entries = re.findall(r"^    (\w+): (.*(?:\n {5,}.*)*)", section, flags=re.MULTILINE)
        described |= {name: " ".join(text.split()) for name, text in entries}
    return described
