"""When to trust a model's answers: prediction sets, abstention, subgroups and prior shift."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from twinlens.evaluation.conformal import calibrate
from twinlens.evaluation.conformal_sets import conformal_scores
from twinlens.evaluation.data_set_evaluation import arrays
from twinlens.evaluation.prior_shift import (
    Prevalence,
    adapt,
    estimate_prevalence,
    metrics_at,
    wanted_prevalence,
)
from twinlens.evaluation.scoring import check_predictions
from twinlens.evaluation.selective import selective_scores
from twinlens.evaluation.subgroups import subgroup_scores
from twinlens.inference.temperature import scaled
from twinlens.inference.test_time import Probabilities
from twinlens.records.reliability import AtPrevalence, ConformalSets, Reliability
from twinlens.types import Rows

NO_VALIDATION = (
    "There are no predictions of validation images, which conformal sets are calibrated on."
)
NO_PRIOR = (
    "How frequent the classes were in training is not known here, so predictions cannot be adapted "
    "to another prevalence: name the data set that the model was trained on first."
)
_ESTIMATED = "Estimated from the predictions without labels, by EM."
_NOT_CONVERGED = "EM did not converge: do not rely on it."
_KNOWN = "Known from the labels, so this is the best that adapting can do."


@dataclass(frozen=True)
class Knowledge:
    """What is known of a model beside the images that it is evaluated on.

    Attributes:
        classes: Its classes.
        validation: Predictions of validation images; None without any.
        temperature: Temperature of its probabilities; None for none.
        prior: Prevalence that its probabilities assume; None where it is not known.
    """

    classes: Sequence[str]
    validation: pd.DataFrame | None
    temperature: float | None
    prior: Prevalence | None

    def arrays(self, table: pd.DataFrame) -> tuple[Rows, Probabilities, list[str]]:
        """Return class numbers, scaled probabilities and groups of a table of predictions."""
        labels, p, groups = arrays(table, self.classes)
        check_predictions(labels, p)
        return labels, scaled(p, self.temperature or 1.0), groups


def training_prior(labels: Rows, classes: int, *, balanced: bool) -> Prevalence | None:
    """Return the prevalence that a model learned; None without training images.

    Args:
        labels: Class numbers of its training images.
        classes: Number of classes.
        balanced: Whether classes counted the same in training, however rare.
    """
    counts = np.bincount(labels, minlength=classes).astype(np.float64)
    if balanced:
        counts = (counts > 0).astype(np.float64)
    return counts / counts.sum() if counts.any() else None


def reliability(
    table: pd.DataFrame,
    columns: Mapping[str, pd.Series],
    known: Knowledge,
    *,
    coverage: float = 0.9,
    prevalence: Mapping[str, float] | None = None,
) -> Reliability:
    """Assess stored predictions.

    Args:
        table: Predictions of the evaluated images.
        columns: What else is known about these images, by column; see `subgroup_scores`.
        known: What is known of the model.
        coverage: Wanted coverage of the prediction sets.
        prevalence: Fraction of some classes where the model is to be used; None for none.

    Raises:
        UserError: Predictions cannot be used, or coverage or prevalence are none.
    """
    labels, p, groups = known.arrays(table)
    notes = [NO_VALIDATION] if known.validation is None else []
    notes += [NO_PRIOR] if known.prior is None else []
    prior = None if known.prior is None else _by_class(known.prior, known)
    return Reliability(
        sets=_sets(labels, p, groups, known, coverage),
        selective=selective_scores(labels, p, groups),
        subgroups=subgroup_scores(labels, p, known.classes, groups, columns),
        prior=prior,
        prevalences=_prevalences(labels, p, known, prevalence),
        notes=notes,
    )


def _sets(
    labels: Rows, p: Probabilities, groups: Sequence[str], known: Knowledge, coverage: float
) -> list[ConformalSets]:
    if known.validation is None:
        return []
    val_labels, val_p, val_groups = known.arrays(known.validation)
    numbers = pd.factorize(np.asarray(val_groups))[0]
    return [
        conformal_scores(
            calibrate(val_labels, val_p, numbers, coverage=coverage, by_class=by_class),
            labels,
            p,
            known.classes,
            groups,
        )
        for by_class in (False, True)
    ]


def _prevalences(
    labels: Rows, p: Probabilities, known: Knowledge, wanted: Mapping[str, float] | None
) -> list[AtPrevalence]:
    """Return the model at the prevalence of the images, known and estimated, and where wanted."""
    shares = np.bincount(labels, minlength=len(known.classes)) / len(labels)
    cases = [("these images", shares, shares, _KNOWN)]
    if known.prior is not None:
        found = estimate_prevalence(p, known.prior)
        note = _ESTIMATED if found.converged else _NOT_CONVERGED
        cases.append(("these images, estimated", found.prevalence, shares, note))
    if wanted:
        chosen = wanted_prevalence(wanted, known.classes, shares)
        cases.append(("where it is used", chosen, chosen, ""))
    return [_at(title, labels, p, known, (to, at), note) for title, to, at, note in cases]


def _at(
    title: str,
    labels: Rows,
    p: Probabilities,
    known: Knowledge,
    prevalence: tuple[Prevalence, Prevalence],
    note: str,
) -> AtPrevalence:
    """Score predictions adapted to one prevalence where the images have another."""
    to, at = prevalence
    unadapted, absent = metrics_at(labels, p.argmax(axis=1), at)
    adapted: dict[str, float | None] = {}
    if known.prior is not None:
        predicted = adapt(p, known.prior, to).argmax(axis=1)
        adapted, _ = metrics_at(labels, predicted, at)
    return AtPrevalence(
        title=title,
        prevalence=_by_class(to, known),
        unadapted=unadapted,
        adapted=adapted,
        absent=[known.classes[c] for c in absent],
        note=note,
    )


def _by_class(prevalence: Prevalence, known: Knowledge) -> dict[str, float]:
    return dict(zip(known.classes, prevalence.tolist(), strict=True))
