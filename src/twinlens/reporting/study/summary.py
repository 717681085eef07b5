"""The head of the page: verdict, warnings and key numbers."""

from typing import Any

from twinlens.reporting import formatting as wording
from twinlens.reporting.pretraining.monitoring import alarms
from twinlens.reporting.study.load_study import StoredStudy
from twinlens.reporting.study.reproducibility import failures
from twinlens.reporting.study.result_tables import ONE_SEED


def content(study: StoredStudy) -> dict[str, Any]:
    """Return the numbers and warnings that the template shows."""
    return {
        "key_numbers": key_numbers(study),
        "data_notices": dict.fromkeys(run.data.notice for run in study.runs if run.data.notice),
        "alarms": [
            (run, message) for run in study.runs_of("pretrain") for _, message in alarms(run)
        ],
        "failed": len(failures(study)),
    }


def key_numbers(study: StoredStudy) -> list[tuple[str, str, str]]:
    """Return (value, name, detail) of the few numbers that a reader looks for first."""
    if not study.label_fractions:
        return []
    label_fraction, metric = study.label_fractions[0], wording.metric_title(study.primary)
    if label_fraction != study.tested_label_fraction:
        metric = f"{metric}, {wording.label_fraction_title(label_fraction)} of the labels"
    numbers = []
    for arm in dict.fromkeys([study.reference, study.best_other]):
        score = study.summary(arm, label_fraction, study.primary) if arm else None
        if arm and score:
            spread = wording.spread(score) if score.n > 1 else ONE_SEED
            detail = f"{study.arm_title(arm)}, {spread}"
            numbers.append((wording.decimal(score.mean), metric, detail))
    difference = study.difference(study.best_other or "", label_fraction, study.primary)
    if difference:
        detail = wording.interval(difference.interval, signed=True) or ONE_SEED
        numbers.append((wording.decimal(difference.mean, signed=True), "Paired difference", detail))
    arms, counts = len(study.arms), study.counts
    images = {split: sum(counts.get(split, {}).values()) for split in ("train", "val", "test")}
    most = max(s.n for a in study.arms if (s := study.summary(a, label_fraction, study.primary)))
    numbers.append((str(most), "Seeds" if most != 1 else "Seed", wording.plural(arms, "arm")))
    if images["train"]:
        detail = f"{wording.count(images['train'])} train, {wording.count(images['val'])} val"
        labels = wording.count(images["train"] + images["val"])
        numbers.append((labels, "Labelled images", detail))
    if images["test"]:
        numbers.append((wording.count(images["test"]), "Test images", ""))
    return numbers
