"""When to trust a model's answers: prediction sets, abstention, subgroups and prior shift."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from twinlens.evaluation.data_set_evaluation import arrays
from twinlens.evaluation.probabilities.bias_corrected import BiasCorrected, fit_bias_corrected
from twinlens.evaluation.probabilities.prior_shift import (
    Prevalence,
    adapt,
    estimate_prevalence,
    metrics_at,
    wanted_prevalence,
)
from twinlens.evaluation.scoring import check_predictions
from twinlens.evaluation.trust.conformal import calibrate
from twinlens.evaluation.trust.conformal_sets import conformal_scores
from twinlens.evaluation.trust.selective import selective_scores
from twinlens.evaluation.trust.subgroups import subgroup_scores
from twinlens.evaluation.uncertainty.cluster_bootstrap import bootstrap
from twinlens.evaluation.uncertainty.crossed_effects import number_groups
from twinlens.inference.temperature import scaled
from twinlens.inference.test_time import Probabilities
from twinlens.records.reliability import AtPrevalence, ConformalSets, Reliability
from twinlens.types import Rows

NO_VALIDATION = (
    "There are no predictions of validation images, so there are no conformal sets, and the "
    "predictions cannot be adapted to another prevalence."
)
_ESTIMATED = "Estimated from the predictions without labels, by EM."
_RESAMPLES = 500  # of an estimate by EM
_KNOWN = "Known from the labels, so this is the best that adapting can do."


@dataclass(frozen=True)
class Knowledge:
    """What is known of a model beside the images that it is evaluated on.

    Attributes:
        classes: Its classes.
        validation: Predictions of validation images; None without any.
        temperature: Temperature of its probabilities; None for none.
    """

    classes: Sequence[str]
    validation: pd.DataFrame | None
    temperature: float | None

    def arrays(self, table: pd.DataFrame) -> tuple[Rows, Probabilities, list[str]]:
        """Return class numbers, scaled probabilities and groups of a table of predictions."""
        labels, p, groups = arrays(table, self.classes)
        check_predictions(labels, p)
        return labels, scaled(p, self.temperature or 1.0), groups


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
    calibration = None
    if known.validation is not None:
        calibration = fit_bias_corrected(*known.arrays(known.validation)[:2])
    return Reliability(
        sets=_sets(labels, p, groups, known, coverage),
        selective=selective_scores(labels, p, groups),
        subgroups=subgroup_scores(labels, p, known.classes, groups, columns),
        prior=_by_class(calibration.prior, known) if calibration else None,
        prevalences=_prevalences(labels, p, groups, known, calibration, prevalence),
        notes=[] if calibration else [NO_VALIDATION],
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
    labels: Rows,
    p: Probabilities,
    groups: Sequence[str],
    known: Knowledge,
    calibration: BiasCorrected | None,
    wanted: Mapping[str, float] | None,
) -> list[AtPrevalence]:
    """Return the model at the prevalence of the images, known and estimated, and where wanted."""
    shares = np.bincount(labels, minlength=len(known.classes)) / len(labels)

    def at(title: str, to: Prevalence, where: Prevalence, note: str) -> AtPrevalence:
        unadapted, absent = metrics_at(labels, p.argmax(axis=1), where)
        adapted: dict[str, float | None] = {}
        if calibration:
            predicted = adapt(calibration.apply(p), calibration.prior, to).argmax(axis=1)
            adapted, _ = metrics_at(labels, predicted, where)
        return AtPrevalence(
            title=title,
            prevalence=_by_class(to, known),
            unadapted=unadapted,
            adapted=adapted,
            absent=[known.classes[c] for c in absent],
            note=note,
        )

    cases = [at("these images", shares, shares, _KNOWN)]
    if calibration:
        calibrated, prior = calibration.apply(p), calibration.prior
        found = bootstrap(
            lambda weights: estimate_prevalence(calibrated, prior, weights),
            number_groups(labels, groups),
            resamples=_RESAMPLES,
        )
        estimates = dict(zip(known.classes, found.estimates(), strict=True))
        estimated = at("these images, estimated", found.values, shares, _ESTIMATED)
        cases.append(estimated.model_copy(update={"estimates": estimates}))
    if wanted:
        chosen = wanted_prevalence(wanted, known.classes, shares)
        cases.append(at("where it is used", chosen, chosen, ""))
    return cases


def _by_class(prevalence: Prevalence, known: Knowledge) -> dict[str, float]:
    return dict(zip(known.classes, prevalence.tolist(), strict=True))
