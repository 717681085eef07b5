"""Images of a data set as an audit's page shows them: thumbnails with what is known about each."""

import io
from base64 import b64encode
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from PIL import Image

from twinlens.data.dataset import Dataset
from twinlens.reporting.formatting import count, decimal, percent

SIDE = 96
"""Largest side of a thumbnail, in pixels."""

ACROSS, CONFLICTS, OF_A_KIND = 24, 12, 8
"""Pairs shown: on two sides of a split, of two labels, and of each kind beside them."""

SINGLES = 24
"""Images shown of doubtful labels, and of outliers."""

Link = dict[str, Any]


@dataclass(frozen=True)
class Picture:
    """A thumbnail: a data URI, the image's id, and facts, each with whether it is a warning."""

    uri: str
    name: str
    facts: list[tuple[str, bool]]


@dataclass(frozen=True)
class Group:
    """Pictures that stand together, alone or side by side, with a remark."""

    pictures: list[Picture]
    note: str


@dataclass(frozen=True)
class Gallery:
    """Groups of pictures of one kind, and how many there are in all."""

    title: str
    groups: list[Group]
    total: int


def pair_galleries(dataset: Dataset, findings: dict[str, Any]) -> list[Gallery]:
    """Show pairs of images: on two sides of a split first, then of two labels, then by kind."""
    links, show = findings["links"], _shower(dataset)
    across = {n for split in findings["splits"].values() for n in split["leaks"]["links"]}
    conflicts = {*findings["conflicts"]} - across
    rest = [n for n in range(len(links)) if n not in across | conflicts]
    kinds = {
        "Pairs on two sides of a split": (sorted(across), ACROSS),
        "Pairs with two labels": (sorted(conflicts), CONFLICTS),
    }
    for title, found_by in (
        ("Exact duplicates", "pixels"),
        ("Near-duplicates by hash", "hash"),
        ("Similar images by embedding", "embedding"),
    ):
        kinds[title] = ([n for n in rest if links[n]["found_by"] == found_by], OF_A_KIND)
    return [
        Gallery(title, [_pair(n, findings, show) for n in _spread(ns, links, most)], len(ns))
        for title, (ns, most) in kinds.items()
        if ns
    ]


def doubtful_gallery(dataset: Dataset, findings: dict[str, Any]) -> Gallery:
    """Show the images whose neighbours agree on another label, the most certain ones first."""
    show, found = _shower(dataset), findings["doubtful_labels"] or []
    groups = [
        Group(
            [show(image["id"], [(f"labelled {image['label']}", False)])],
            f"{percent(image['agreement'])} of its neighbours: {image['neighbours']}",
        )
        for image in found[:SINGLES]
    ]
    return Gallery("Labels that the nearest images speak against", groups, len(found))


def outlier_gallery(dataset: Dataset, findings: dict[str, Any]) -> Gallery:
    """Show the images that stand out in quality, reason by reason, the worst first."""
    show, found = _shower(dataset), findings["quality"] or []
    reasons: dict[str, list[dict[str, Any]]] = {}
    for image in found:
        reasons.setdefault(image["why"], []).append(image)
    each = SINGLES if len(found) <= SINGLES else SINGLES // len(reasons)
    chosen = [image for images in reasons.values() for image in images[:each]]
    measures = ("exposure", "contrast", "sharpness")
    groups = [
        Group(
            [show(image["id"], [(image["why"], False)])],
            ", ".join(f"{name} {decimal(image[name], digits=1)}" for name in measures),
        )
        for image in chosen
    ]
    return Gallery("Images that stand out in sharpness or exposure", groups, len(found))


def _shower(dataset: Dataset) -> Callable[..., Picture]:
    """Return a function that shows the image of an id."""
    rows = pd.Index(dataset.table["id"])

    def show(name: str, facts: list[tuple[str, bool]]) -> Picture:
        return Picture(_thumbnail(dataset.images[rows.get_loc(name)]), name, facts)

    return show


def _thumbnail(pixels: np.ndarray) -> str:
    image, buffer = Image.fromarray(pixels), io.BytesIO()
    image.thumbnail((SIDE, SIDE))
    image.save(buffer, "JPEG", quality=82)
    return "data:image/jpeg;base64," + b64encode(buffer.getvalue()).decode()


def _spread(numbers: list[int], links: list[Link], most: int) -> list[int]:
    """Choose links of all degrees of certainty, the surest first."""
    ordered = sorted(numbers, key=lambda n: -links[n]["score"])
    places = np.linspace(0, len(ordered) - 1, min(most, len(ordered))).round().astype(int)
    return [ordered[place] for place in places]


def _pair(number: int, findings: dict[str, Any], show: Callable[..., Picture]) -> Group:
    link, splits = findings["links"][number], findings["splits"]
    conflict, sides = number in findings["conflicts"], []
    straddling = [name for name, split in splits.items() if number in split["leaks"]["links"]]
    for end in ("a", "b"):
        name, group = link[end], link[f"group_{end}"]
        facts = [(link[f"label_{end}"] or "no label", conflict)]
        for split in straddling or ([*splits] if len(splits) == 1 else []):
            part = splits[split]["part_of_linked"][name] or "left out"
            facts.append((f"{split}: {part}" if len(straddling) > 1 else part, split in straddling))
        sides.append(show(name, facts + [(f"group {group}", False)] * (group != name)))
    return Group(sides, _how(link))


def _how(link: Link) -> str:
    if link["found_by"] == "pixels":
        return "the same pixels"
    if link["found_by"] == "hash":
        return ", ".join(filter(None, [link["how"], f"correlation {link['score']:.2f}"]))
    return f"{percent(1 - link['score'])} of the distance to other neighbours"


def shown_of(gallery: Gallery) -> str:
    """Say how many of a gallery's groups are shown."""
    shown = len(gallery.groups)
    if shown == gallery.total:
        return f"all {count(shown)}" if shown > 1 else "the only one"
    return f"{count(shown)} of {count(gallery.total)}; the others are in the JSON file"
