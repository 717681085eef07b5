"""The values of marks, which an SVG shows when the pointer rests on them."""

import re
from collections.abc import Iterable

from matplotlib.artist import Artist

_PREFIX = "value: "


def show_value(artists: Iterable[Artist], text: str) -> None:
    """Let the mark that artists draw show a text, such as its value."""
    for artist in artists:
        artist.set_gid(_PREFIX + text)


def titled(svg: str) -> str:
    """Turn the texts of marks, which matplotlib writes as ids, into titles of SVG."""
    identity = rf"""<g id=(["']){_PREFIX}(.*?)\1"""
    return re.sub(identity, r'<g class="value"><title>\2</title', svg)
