"""An evaluation as it lies on disk."""

from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from twinlens.inference.predictions_table import read_predictions
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
    predictions = read_predictions(folder, mend="evaluate again with --overwrite")
    return StoredEvaluation(folder, record, predictions)
