"""Predictions of another tool, scored like a training's, so that they may stand as an arm."""

from pathlib import Path

import numpy as np
import pandas as pd
from jaxtyping import Float
from numpy import ndarray

from twinlens.data.class_subset import open_task
from twinlens.data.dataset import Dataset
from twinlens.data.splits import Split
from twinlens.engine.run_folder import describe_data
from twinlens.errors import UserError
from twinlens.evaluation.scoring import score_predictions
from twinlens.evaluation.test_access import TEST_ACCESS, log_test_access
from twinlens.files import atomic_folder, sha256
from twinlens.inference.predictions_table import PREDICTIONS, predictions_table
from twinlens.parquet import read_table, write_table
from twinlens.records.run import RUN, PredictionsRun
from twinlens.records.scores import Scores
from twinlens.requests.predictions import PredictionsRequest

_SUM_WITHIN = 1e-3  # of 1, for tools that write few digits


def score(request: PredictionsRequest) -> Path:
    """Score a file of predictions on the validation and test images.

    The folder made holds metrics.json, predictions.parquet and run.json.

    Returns:
        The folder `out`.

    Raises:
        UserError: The file does not fit the data; says where.
    """
    out, file = Path(request.out), Path(request.file)
    data, chosen = open_task(request.dataset, request.split, request.classes)
    probabilities = read_predictions(file, data, chosen)
    with atomic_folder(out, marker=RUN, resume=True) as folder:
        log = request.test_access or folder / TEST_ACCESS
        log_test_access(log, images=len(chosen.rows["test"]), by=out.name)
        scores, tables = {}, []
        for part, p in probabilities.items():
            rows = chosen.rows[part]
            scores[part] = score_predictions(data.labels[rows], p, data.classes)
            tables.append(predictions_table(data, rows, part, p, data.classes))
        Scores(parts=scores).write(folder / "metrics.json")
        write_table(folder / PREDICTIONS, pd.concat(tables))
        notice = (
            f"{file.name} holds the predictions of another tool: what that was trained on, "
            "and how it was chosen, is not known here."
        )
        described = describe_data(data, chosen)
        PredictionsRun(
            request=request,
            seed=request.seed,
            label_fraction=request.label_fraction,
            sha256=sha256(file),
            data=described.model_copy(update={"notice": f"{described.notice} {notice}".strip()}),
        ).write(folder / RUN)
    return out


def read_predictions(
    path: Path, data: Dataset, split: Split
) -> dict[str, Float[ndarray, "image class"]]:
    """Read probabilities of the validation images, if they are there, and of the test images.

    Args:
        path: See `score`.
        data: The data set.
        split: Its split.

    Returns:
        For ``test``, and ``val`` where its images are there, an array of shape (image, class) in
        the order of the split's rows.

    Raises:
        UserError: The file does not fit the data; says where.
    """
    table = _read(path, data)
    found = {}
    for part in ("val", "test"):
        ids = data.table["id"].iloc[split.rows[part]]
        lacking = ids[~ids.isin(table.index)]
        if part == "val" and len(lacking) == len(ids):
            continue
        if len(lacking):
            raise UserError(
                f"{path} lacks {len(lacking)} of the {len(ids)} {part} images of the split "
                f"'{split.name}', such as '{lacking.iloc[0]}': predict them too."
            )
        found[part] = _checked(path, table.loc[ids], data)
    return found


def _read(path: Path, data: Dataset) -> pd.DataFrame:
    """Return the columns of probabilities by image id."""
    try:
        parquet = path.suffix == ".parquet"
        table = read_table(path) if parquet else pd.read_csv(path, dtype={"id": str})
    except (OSError, ValueError) as error:
        raise UserError(f"The predictions {path} cannot be read ({error}).") from error
    columns = [f"p_{name}" for name in data.classes]
    lacking = [name for name in ("id", *columns) if name not in table]
    if lacking:
        raise UserError(
            f"{path} lacks the column{'s' * (len(lacking) > 1)} {', '.join(lacking)}: it needs id "
            f"and {', '.join(columns)}."
        )
    repeated = table["id"][table["id"].duplicated()]
    if len(repeated):
        raise UserError(f"{path} has the image '{repeated.iloc[0]}' twice: keep one row for each.")
    return table.set_index("id")[columns]


def _checked(path: Path, table: pd.DataFrame, data: Dataset) -> Float[ndarray, "image class"]:
    numbers: Float[ndarray, "image class"] = table.apply(pd.to_numeric, errors="coerce").to_numpy(
        np.float64
    )
    wrong = ~(np.abs(numbers.sum(axis=1) - 1) <= _SUM_WITHIN) | (numbers < 0).any(axis=1)
    if wrong.any():
        image = table.index[int(np.flatnonzero(wrong)[0])]
        raise UserError(
            f"{path}: the probabilities of '{image}' are no numbers of 0 or more that add up to 1 "
            f"over {len(data.classes)} classes (softmax turns scores into such)."
        )
    return numbers
