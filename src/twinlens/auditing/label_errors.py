"""Suspected label errors: labels on which the nearest neighbours of an image disagree with it."""

import numpy as np
import pandas as pd

from twinlens.auditing.neighbours import Neighbours
from twinlens.data.dataset import Dataset
from twinlens.records.audit import DEFAULTS, SuspectedLabelError
from twinlens.types import Rows


def find_label_errors(dataset: Dataset, neighbours: Neighbours) -> list[SuspectedLabelError]:
    """List the images of a data set whose label is suspected to be wrong."""
    groups = pd.factorize(dataset.table["group"])[0]
    table = suspected_label_errors(neighbours, dataset.labels, groups)
    ids, names = dataset.table["id"].to_numpy(), np.array(dataset.classes, dtype=object)
    columns = {"id": ids[table["row"]]} | {k: names[table[k]] for k in ("label", "suggested")}
    return SuspectedLabelError.from_frame(table.assign(**columns).drop(columns="row"))


def suspected_label_errors(
    neighbours: Neighbours, labels: Rows, groups: Rows, threshold: float = DEFAULTS.min_agreement
) -> pd.DataFrame:
    """List images whose neighbours, those of other groups, agree on another label.

    Args:
        neighbours: Of each image.
        labels: Class number of each image, -1 where it has no label.
        groups: Group number of each image.
        threshold: See `AuditSettings.min_agreement`.

    Returns:
        Columns ``row``, ``label``, ``suggested`` (the class that most neighbours have) and
        ``agreement`` (the fraction of labelled neighbours that have it), highest agreement first.
        Images with too few labelled neighbours are not judged.
    """
    rows = neighbours.rows
    votes = np.zeros((len(rows), int(labels.max(initial=0)) + 1))
    image, rank = np.nonzero((labels[rows] >= 0) & (groups[rows] != groups[:, None]))
    np.add.at(votes, (image, labels[rows[image, rank]]), 1)
    voters, suggested = votes.sum(axis=1), votes.argmax(axis=1)
    agreement = votes.max(axis=1) / voters.clip(min=1)
    table = pd.DataFrame({"label": labels, "suggested": suggested, "agreement": agreement})
    table.insert(0, "row", np.arange(len(rows)))
    suspected = (labels >= 0) & (suggested != labels) & (agreement >= threshold)
    judged: pd.DataFrame = table[suspected & (voters >= DEFAULTS.neighbours // 2)]
    return judged.sort_values("agreement", ascending=False, kind="stable").reset_index(drop=True)
