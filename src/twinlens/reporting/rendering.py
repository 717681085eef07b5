"""From a template and values to the text of a page, and to what is numbered on it."""

import re
from base64 import b64encode
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from hashlib import sha256
from importlib.resources import files
from typing import Any

from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from twinlens.reporting import formatting as wording
from twinlens.reporting.figures.figure_files import ReportFigure
from twinlens.reporting.figures.layout import Panel
from twinlens.reporting.figures.style import Legend
from twinlens.reporting.tables.tables import Table, value_words

_SENTENCE = re.compile(r"(?<=[.!?]) (?=[A-Z])")
_SHOWN = 2  # sentences of a caption, before the others are folded away


@dataclass(frozen=True)
class Numbered:
    """A table or figure of a page. Those without a name have no files of their own."""

    kind: str
    number: int
    name: str
    content: Table | ReportFigure | None


def render(template: str, numbered: list[Numbered] | None = None, **values: Any) -> str:
    """Fill in a template; what is not marked as markup is escaped.

    Args:
        template: Its file in templates/, or its path in this package, such as ``audit/page.html``.
        numbered: The page's tables and figures so far; those of the template are appended.
        values: What it shows.
    """
    numbered = [] if numbered is None else numbered
    values |= {"number": _numbering(numbered), "numbered": numbered}
    return _environment(autoescape=True).get_template(template).render(values)


def text_environment() -> Environment:
    """Return an environment for templates of plain text, with the filters of the pages."""
    return _environment(autoescape=False)


def _environment(*, autoescape: bool) -> Environment:
    environment = Environment(
        loader=ChoiceLoader([PackageLoader("twinlens.reporting", at) for at in ("templates", "")]),
        autoescape=autoescape,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    script = (files("twinlens.reporting") / "templates/page.js").read_text(encoding="utf-8")
    digest = b64encode(sha256(script.encode()).digest()).decode()
    environment.globals.update(script=Markup(script), script_hash=f"sha256-{digest}")
    environment.filters.update(
        caption=_caption,
        count=wording.count,
        duration=wording.duration,
        listing=wording.listing,
        metric=wording.metric_title,
        metric_words=wording.metric_words,
        label_fraction=wording.label_fraction_title,
        decimal=wording.decimal,
        breakable=wording.breakable,
        share=wording.share,
        plural=wording.plural,
        method=wording.method_title,
        scientific=wording.scientific,
        words=value_words,
        sentence=lambda parts: wording.sentence([*filter(None, parts)]),
    )
    return environment


def _caption(text: Markup) -> tuple[Markup, Markup]:
    """Split a caption into what is shown and what is folded away."""
    sentences = _SENTENCE.split(text.strip())
    shown, rest = sentences[:_SHOWN], sentences[_SHOWN:]
    return Markup(" ".join(shown)), Markup(" ".join(rest))


def _numbering(numbered: list[Numbered]) -> Callable[..., Numbered]:
    """Return a function that numbers tables and figures, and notes them."""

    def number(
        kind: str, name: str = "", content: Table | Sequence[Panel] = (), legend: Legend = ()
    ) -> Numbered:
        before = [entry for entry in numbered if entry.kind == kind]
        slug = wording.slug(name)
        again = sum(entry.name.partition("-")[0] == slug for entry in before)
        unique = f"{slug}-{again + 1}" if slug and again else slug
        if not isinstance(content, Table):
            figure_id = unique or f"figure-{len(before) + 1}"
            drawn = ReportFigure(figure_id, content, legend) if content else None
        entry = Numbered(
            kind, len(before) + 1, unique, content if isinstance(content, Table) else drawn
        )
        numbered.append(entry)
        return entry

    return number
