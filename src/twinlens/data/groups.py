"""Groups of images that a split keeps whole, merged where near-duplicates join them.

An audit leaves the pairs of images that look alike in ``audit/links.parquet`` of the data set:
one row per pair, the ids in the columns ``a`` and ``b``.
"""

from pathlib import Path

import numpy as np
import pandas as pd
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from twinlens.data.dataset import Dataset
from twinlens.parquet import read_table

LINKS = Path("audit") / "links.parquet"


def links_of(dataset: Dataset) -> pd.DataFrame | None:
    """Read the pairs of near-duplicates that an audit found; None without an audit.

    Raises:
        UserError: The file is damaged.
    """
    path = dataset.path / LINKS
    if not path.exists():
        return None
    return read_table(path, ("a", "b"), mend="run 'twinlens audit' again")


def groups_of(dataset: Dataset) -> pd.Series:
    """Return the name of each image's group, groups that share near-duplicates merged."""
    links = links_of(dataset)
    return dataset.table["group"] if links is None else merge_groups(dataset.table, links)


def merge_groups(table: pd.DataFrame, links: pd.DataFrame) -> pd.Series:
    """Merge the groups of linked images.

    Args:
        table: The table of images; see `twinlens.data.table`.
        links: One row per pair of images, ids in the columns ``a`` and ``b``. Links to images that
            the table does not hold are ignored.

    Returns:
        For each image the first, in alphabetical order, of the groups that links join to its own.
    """
    groups, names = pd.factorize(table["group"], sort=True)
    ids = pd.Index(table["id"])
    ends = np.stack([ids.get_indexer(links["a"]), ids.get_indexer(links["b"])])
    a, b = groups[ends[:, (ends >= 0).all(axis=0)]]
    graph = coo_array((np.ones(len(a)), (a, b)), shape=(len(names), len(names)))
    number, component = connected_components(graph, directed=False)
    first = np.full(number, len(names))
    np.minimum.at(first, component, np.arange(len(names)))
    return pd.Series(names[first[component[groups]]], index=table.index, name="group")
