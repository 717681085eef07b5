"""From a template and values to the text of a page."""

from collections.abc import Callable
from itertools import count as counting
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from twinlens.reporting import pictures, wording


def render(template: str, **values: Any) -> str:
    """Fill in a template; what is not marked as markup is escaped."""
    environment = Environment(
        loader=PackageLoader("twinlens.reporting"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(
        count=wording.count,
        duration=wording.duration,
        listing=wording.listing,
        metric=wording.metric_title,
        budget=wording.budget_title,
        decimal=wording.decimal,
        breakable=wording.breakable,
        shown=pictures.shown_of,
    )
    return environment.get_template(template).render(number=_numbering(), **values)


def _numbering() -> Callable[[str], int]:
    """Return a function that numbers figures and tables in the order of their appearance."""
    counters = {"Figure": counting(1), "Table": counting(1)}
    return lambda kind: next(counters[kind])
