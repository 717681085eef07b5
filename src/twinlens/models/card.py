"""Model cards in Markdown, with a header that Hugging Face reads; `card.md` is that of a bundle."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from twinlens.files import write_text
from twinlens.models.published import WEIGHTS
from twinlens.records.bundle import BundleInfo

CARD = "README.md"


def render(package: str, template: str, **values: Any) -> str:
    """Fill in a template in Markdown.

    Args:
        package: The package that the template lies in.
        template: Name of its file.
        values: What it names; a name without a value is an error.
    """
    templates = Environment(
        loader=PackageLoader(package, "."),
        undefined=StrictUndefined,
        keep_trailing_newline=True,
        autoescape=False,  # Markdown
    )
    return templates.get_template(template).render(**values)


def write_model_card(
    folder: Path, info: BundleInfo, members: Mapping[str, BundleInfo] | None = None
) -> None:
    """Write the card of a bundle or of an ensemble, README.md.

    It names no path of this machine, because it is passed on with the model.

    Args:
        folder: Where to.
        info: The bundle; of an ensemble, what holds for all of it.
        members: The bundles of an ensemble, by name.
    """
    initial, all_infos = info.provenance.weights, [info, *(members or {}).values()]
    text = render(
        __package__,
        "card.md",
        info=info,
        members=members or {},
        initial=initial,
        weights=WEIGHTS.get(initial.name),
        transductive=any(each.transductive for each in all_infos),
    )
    write_text(folder / CARD, text)
