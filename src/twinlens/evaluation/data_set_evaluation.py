"""Everything that is measured of the predictions of one data set's images."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from jaxtyping import Float
from numpy import ndarray

from twinlens.evaluation.probabilities.binary import Answers, Positive, binary_evaluation
from twinlens.evaluation.probabilities.calibration import calibration
from twinlens.evaluation.scoring import check_predictions
from twinlens.evaluation.uncertainty.cluster_bootstrap import Bootstrap
from twinlens.evaluation.uncertainty.crossed_effects import number_groups
from twinlens.evaluation.uncertainty.metric_estimates import metric_estimates, resampled_metrics
from twinlens.inference.temperature import fit_temperature, scaled
from twinlens.records.evaluation import BinaryEvaluation, Calibration, MetricEstimates
from twinlens.types import Rows

NO_VALIDATION = (
    "There are no predictions of validation images, so no temperature and no threshold was chosen."
)


@dataclass(frozen=True)
class Chooser:
    """What validation images chose.

    Attributes:
        table: Their predictions; None without any.
        temperature: The temperature; None for none.
        note: Where it comes from, or why there is none.
    """

    table: pd.DataFrame | None
    temperature: float | None
    note: str


@dataclass(frozen=True)
class Measured:
    """What is measured of one data set's predictions; see `DataSetEvaluation`.

    Attributes:
        by_image: Every metric by image.
        by_group: Every metric by group; None where every group is of one image.
        binary: Some classes against the others; None where none were named.
        calibration: Calibration.
        resampled: The metrics by image, resampled.
    """

    by_image: MetricEstimates
    by_group: MetricEstimates | None
    binary: BinaryEvaluation | None
    calibration: Calibration
    resampled: Bootstrap


def choose(
    table: pd.DataFrame | None, classes: Sequence[str], stored: float | None = None
) -> Chooser:
    """Fit the temperature on validation images.

    Args:
        table: Their predictions; None without any.
        classes: Classes of the model.
        stored: The temperature of the model itself, for want of validation images.
    """
    if table is None:
        note = "The temperature is the one that the model carries." if stored else NO_VALIDATION
        return Chooser(None, stored, note)
    labels, p, _ = arrays(table, classes)
    check_predictions(labels, p)
    temperature = fit_temperature(labels, p)
    note = f"The temperature was fitted on {len(table):,} validation images."
    if temperature is None:
        note = "The validation images do not determine a temperature, so none is applied."
    return Chooser(table, temperature, note)


def measure(
    table: pd.DataFrame,
    classes: Sequence[str],
    positive: Positive | None,
    chooser: Chooser,
    *,
    seed: int = 0,
) -> Measured:
    """Measure predictions.

    Args:
        table: Columns label, group, and ``p_<class>`` for each class.
        classes: Classes of the model.
        positive: The positive side of the binary evaluation; None for none.
        chooser: What validation images chose.
        seed: Seed of the resampling.

    Raises:
        UserError: There are no images, or a probability is not finite.
    """
    labels, p, groups = arrays(table, classes)
    check_predictions(labels, p)
    resampled = resampled_metrics(labels, p, groups, seed=seed)
    temperature = chooser.temperature
    binary = None
    if positive:
        val = chooser.table
        binary = binary_evaluation(
            positive,
            classes,
            answers(table, classes, positive, temperature),
            None if val is None else answers(val, classes, positive, temperature),
            groups,
        )
    numbered = number_groups(labels, groups)
    return Measured(
        by_image=metric_estimates(labels, p, classes, groups, resampled),
        by_group=_by_group(table, classes),
        binary=binary,
        calibration=calibration(labels, p, numbered, temperature, chooser.note),
        resampled=resampled,
    )


def arrays(
    table: pd.DataFrame, classes: Sequence[str]
) -> tuple[Rows, Float[ndarray, "image class"], list[str]]:
    """Return class numbers, probabilities and groups of a table of predictions."""
    labels = pd.Index(classes).get_indexer(pd.Index(table["label"])).astype(np.int64)
    p = table[[f"p_{name}" for name in classes]].to_numpy(np.float64)
    return labels, p, table["group"].tolist()


def _by_group(table: pd.DataFrame, classes: Sequence[str]) -> MetricEstimates | None:
    """Score groups, images of one group and class averaged; None where that changes nothing."""
    columns = [f"p_{name}" for name in classes]
    means = table.groupby(["group", "label"], sort=False)[columns].mean().reset_index()
    if len(means) == len(table):
        return None
    labels, p, groups = arrays(means, classes)
    return metric_estimates(labels, p, classes, groups, resampled_metrics(labels, p, groups))


def answers(
    table: pd.DataFrame, classes: Sequence[str], positive: Positive, temperature: float | None
) -> Answers:
    """Return which images are positive, and the sum of the positive classes' probabilities."""
    labels, p, _ = arrays(table, classes)
    chosen = [*positive.classes]
    scores = scaled(p, temperature or 1.0)[:, chosen].sum(axis=1)
    return Answers(np.isin(labels, chosen), scores)
