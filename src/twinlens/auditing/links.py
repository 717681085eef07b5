"""All pairs of images that are copies of one photograph, or similar: found and converted."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from twinlens.auditing.duplicates import exact_duplicates, links_table, near_duplicates
from twinlens.auditing.neighbours import Neighbours
from twinlens.auditing.similar_images import similar_images
from twinlens.data.dataset import Dataset
from twinlens.records.audit import Link


def find_links(dataset: Dataset, neighbours: Neighbours | None) -> list[Link]:
    """Find exact duplicates, near-duplicates and similar images.

    A pair that several methods find counts for the first of them.

    Args:
        dataset: The images; a table without images has no links.
        neighbours: Nearest neighbours of each image, or None without an encoder.
    """
    parts = [links_table([], [], "pixels", 1.0, "")]
    if not dataset.table_only:
        exact = exact_duplicates(dataset.images)
        distinct = np.setdiff1d(np.arange(len(dataset.images)), exact["b"])
        parts = [exact, near_duplicates(dataset.images, distinct)]
    if neighbours is not None:
        parts.append(similar_images(neighbours))
    links = pd.concat(parts, ignore_index=True).drop_duplicates(["a", "b"])
    for end in ("a", "b"):
        images = dataset.table.iloc[links[end].to_numpy()]
        links[f"label_{end}"] = images["label"].to_numpy()
        links[f"group_{end}"] = images["group"].to_numpy()
        links[end] = images["id"].to_numpy()
    return Link.from_frame(links)


def links_frame(links: Sequence[Link]) -> pd.DataFrame:
    """Return links as a table, one row per pair; the ids are in the columns ``a`` and ``b``."""
    table = pd.DataFrame([link.model_dump() for link in links], columns=[*Link.model_fields])
    return table.astype({"a": "str", "b": "str"})
