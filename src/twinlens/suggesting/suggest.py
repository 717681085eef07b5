"""`twinlens suggest`: which images to label next."""

from pathlib import Path

import numpy as np
import pandas as pd

from twinlens.console import say
from twinlens.data.dataset import Dataset, open_dataset
from twinlens.errors import UserError
from twinlens.evaluation.features.probe import unit_rows
from twinlens.requests.base import accepts
from twinlens.requests.suggest import SuggestRequest
from twinlens.seeds import derive
from twinlens.suggesting import METHODS
from twinlens.suggesting.embedding import Embedding, embed_data_set
from twinlens.suggesting.method import Pool, representatives
from twinlens.suggesting.suggestions_file import write_table
from twinlens.types import Rows


@accepts(SuggestRequest)
def suggest(request: SuggestRequest) -> pd.DataFrame:
    """Choose images to label next, and write them as CSV, the best first.

    A group with a labelled image is never suggested, so neither is one of a test set.

    Returns:
        One row per suggestion: rank, id, file (missing where it is not known), group, predicted and
        probability (of a model), the method's score (typicality or uncertainty), and why.

    Raises:
        UserError: No image is left to label, the method needs a model, or the model or the encoder
            cannot be used.
    """
    out, data = Path(request.out), open_dataset(request.dataset)
    if request.count < 1:
        raise UserError(f"--count {request.count} must be 1 or more.")
    if out.exists() and not request.overwrite:
        raise UserError(f"{out} exists already: choose another --out, or pass --overwrite.")
    METHODS["random" if request.method == "auto" else request.method]  # refuses an unknown one
    _refuse_nothing_left(data)
    table = choose(data, embed_data_set(data, request), request)
    write_table(out, table)
    if len(table) < request.count:
        say(f"Only {len(table):,} groups have no label: all of them are suggested.")
    return table


def choose(data: Dataset, embedding: Embedding, request: SuggestRequest) -> pd.DataFrame:
    """Choose images by their features and probabilities; see `suggest` for what is returned."""
    model = embedding.probabilities is not None
    name = request.method
    if name == "auto":
        name = "uncertain_clusters" if model else "typiclust"
    method = METHODS[name]
    if method.needs_model and not model:
        raise UserError(
            f"--method {name} needs a trained model: name the folder of one instead of "
            f"{request.source}, or choose typiclust or random."
        )
    groups = np.unique(data.table["group"], return_inverse=True)[1]
    features = unit_rows(embedding.features)
    images, labelled = representatives(features, groups, data.labels >= 0)
    p = embedding.probabilities
    pool = Pool(features[images], labelled, None if p is None else p[images])
    picks = method.choose(pool, request.count, derive(request.seed, "suggest") % 2**32)
    rows = images[[pick.row for pick in picks]]
    found = data.table.iloc[rows]
    table = pd.DataFrame(
        {
            "rank": np.arange(1, len(rows) + 1),
            "id": found["id"].to_numpy(),
            "file": _files(data, rows),
            "group": found["group"].to_numpy(),
        }
    )
    if p is not None:
        table["predicted"] = [embedding.classes[k] for k in p[rows].argmax(axis=1)]
        table["probability"] = p[rows].max(axis=1)
    if method.score:
        table[method.score] = [pick.score for pick in picks]
    return table.assign(why=[pick.why for pick in picks])


def _refuse_nothing_left(data: Dataset) -> None:
    groups = data.table["group"]
    if groups.isin(groups[data.labels >= 0]).all():
        raise UserError(
            f"Every group of {data.path} has a labelled image: there is nothing left to label. "
            "Add images with 'twinlens import --add'."
        )


def _files(data: Dataset, rows: Rows) -> list[str | None]:
    """Return where the images were imported from, if they are still there."""
    sources = {source.name: Path(source.path) for source in data.record.sources}
    several = len(sources) > 1

    def file(row: int) -> str | None:
        image = data.table.iloc[row]
        root = sources.get(image["source"]) if several else next(iter(sources.values()), None)
        if root is None:
            return None
        below = root if root.is_dir() else root.parent
        path = below / image["id"]
        return str(path) if path.is_file() else None

    return [file(row) for row in rows.tolist()]
