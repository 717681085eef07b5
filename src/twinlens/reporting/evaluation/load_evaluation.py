"""An evaluation as it lies on disk."""

from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from twinlens.errors import UserError
from twinlens.records.evaluation import EVALUATION, DataSetEvaluation, EvaluationRecord


@dataclass(frozen=True)
class StoredEvaluation:
    """The folder of an evaluation.

    Attributes:
        folder: The folder.
        record: Content of ``evaluation.json``.
        predictions: Content of ``predictions.parquet``: columns dataset, id, label, group, split,
            and ``p_<class>`` for each class, before temperature scaling. Those of the validation
            images, if they chose anything, are among them.
    """

    folder: Path
    record: EvaluationRecord
    predictions: pd.DataFrame

    def predictions_of(self, data: DataSetEvaluation) -> pd.DataFrame:
        """Return the predictions of the evaluated images of a data set."""
        table = self.predictions
        return table[(table["dataset"] == data.name) & (table["split"] == data.part)]


def read_evaluation(folder: Path) -> StoredEvaluation:
    """Read the folder of an evaluation.

    Raises:
        UserError: It is none, or a file is damaged.
    """
    record = EvaluationRecord.read(folder / EVALUATION)
    path = folder / "predictions.parquet"
    try:
        return StoredEvaluation(folder, record, pd.read_parquet(path))
    except (OSError, ValueError) as error:
        raise UserError(
            f"{path} cannot be read ({error}): evaluate again with --overwrite."
        ) from error
