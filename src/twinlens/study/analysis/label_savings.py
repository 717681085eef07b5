"""Label savings: with how many labels the reference scores as well as each arm."""

from collections.abc import Mapping, Sequence
from statistics import fmean

from twinlens.evaluation.metrics import METRICS
from twinlens.evaluation.uncertainty.label_efficiency import Bracket, Gap, equivalent_labels
from twinlens.evaluation.uncertainty.statistics import NO_INTERVAL, Interval
from twinlens.records.label_efficiency import EquivalentLabels, LabelEfficiency
from twinlens.records.plan import PlannedRun
from twinlens.records.run import RunRecord, TrainRun
from twinlens.study.analysis.comparisons import Comparisons
from twinlens.study.analysis.sentences import sentence
from twinlens.study.planning.config import Study


def label_savings(
    study: Study,
    comparisons: Comparisons,
    trainings: Sequence[PlannedRun],
    records: Mapping[str, RunRecord],
) -> LabelEfficiency | None:
    """Compute each arm's equivalent labels, in the primary metric.

    Args:
        study: The study.
        comparisons: Of its finished trainings.
        trainings: These trainings.
        records: The record of each run, by id.

    Returns:
        None where the reference has fewer than two label fractions.
    """
    images: dict[float, list[int]] = {fraction: [] for fraction in study.label_fractions}
    for run in trainings:
        if isinstance(record := records[run.id], TrainRun):
            images[float(run.label_fraction or 1)].append(record.images)
    labels = {fraction: round(fmean(n)) for fraction, n in images.items() if n}
    references = [b for b in labels if (study.reference, b) in comparisons.tables]
    if len(references) < 2:
        return None
    data = records[trainings[0].id].data
    return LabelEfficiency(
        labels=labels,
        val_labels=sum(data.counts["val"].get(name, 0) for name in data.classes),
        equivalent_labels=[
            row
            for arm in study.arms
            if arm != study.reference
            for fraction in labels
            if (row := _equivalent(study, comparisons, labels, (arm, fraction), references))
        ],
    )


def _equivalent(
    study: Study,
    comparisons: Comparisons,
    labels: Mapping[float, int],
    key: tuple[str, float],
    references: Sequence[float],
) -> EquivalentLabels | None:
    """Compare an arm at one label fraction with the reference at each; None where it cannot be."""
    metric, sign = study.primary_metric, METRICS[study.primary_metric].sign
    compared = {b: comparisons.compare(key, (study.reference, b), metric) for b in references}
    found = {labels[b]: c for b, c in compared.items() if c}
    if not all(compared.values()):
        return None
    n = min(len(c.seeds) for c in found.values())
    gaps = {
        amount: Gap(sign * c.over_seeds.mean, _signed(c.interval, sign) if n > 1 else NO_INTERVAL)
        for amount, c in found.items()
    }
    means, confident = equivalent_labels(gaps)
    sure = sentence("equivalent", "confident", range=_range(confident), n=n)
    return EquivalentLabels(
        arm=key[0],
        label_fraction=key[1],
        labels=labels[key[1]],
        n=n,
        mean_low=means.low,
        mean_high=means.high,
        low=confident.low,
        high=confident.high,
        sentence=sentence(
            "equivalent",
            "bracket",
            arm=key[0],
            labels=labels[key[1]],
            reference=study.reference,
            range=_range(means),
            sure=sure if n > 1 else sentence("equivalent", "one_seed"),
        ),
    )


def _signed(interval: Interval, sign: int) -> Interval:
    low, high = interval
    if low is None or high is None:
        return NO_INTERVAL
    return interval if sign > 0 else Interval(-high, -low)


def _range(labels: Bracket) -> str:
    low, high = labels
    if low is None or high is None:
        name = "any" if low is high else "above" if high is None else "below"
    else:
        name = "exact" if low == high else "between"
    return sentence("equivalent", name, low=low, high=high)
