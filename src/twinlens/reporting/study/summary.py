"""What a reader sees first: the few numbers, the warnings, and what follows from them."""

from twinlens.reporting import formatting as wording
from twinlens.reporting.pretraining.monitoring import alarms
from twinlens.reporting.study.load_study import StoredStudy
from twinlens.reporting.study.reproducibility import failures
from twinlens.reporting.study.result_tables import ONE_SEED


def key_numbers(study: StoredStudy) -> list[tuple[str, str, str]]:
    """Return (value, name, detail) of the few numbers that a reader looks for first."""
    if not study.label_fractions:
        return []
    label_fraction, metric = study.label_fractions[0], wording.metric_title(study.primary)
    if label_fraction != study.tested_label_fraction:
        metric = f"{metric}, {wording.label_fraction_title(label_fraction)} of the labels"
    numbers = []
    for arm in dict.fromkeys([study.reference, study.best_other]):
        found = study.summary(arm, label_fraction, study.primary) if arm else None
        if arm and found:
            spread = wording.spread(found) if found.n > 1 else ONE_SEED
            detail = f"{study.arm_title(arm)}, {spread}"
            numbers.append((wording.decimal(found.mean), metric, detail))
    difference = study.difference(study.best_other or "", label_fraction, study.primary)
    if difference:
        detail = wording.interval(difference.interval, signed=True) or ONE_SEED
        numbers.append((wording.decimal(difference.mean, signed=True), "Paired difference", detail))
    arms, counts = len(study.arms), study.data.get("counts") or {}
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


def notices(study: StoredStudy) -> list[str]:
    """Return what a reader must know before believing a number."""
    found = list(study.audit.warnings) if study.audit else []
    found += [str(run.data["notice"]) for run in study.runs if run.data.get("notice")]
    if study.transductive:
        found.append(
            f"Transductive: the pretraining of {wording.listing(study.transductive)} has seen the "
            "validation and test images, without their labels."
        )
    for run in study.runs_of("pretrain"):
        where = f"Alarm in the pretraining of {wording.listing(run.arms)}, seed {run.seed}"
        found += [f"{where}: {message}" for _, message in alarms(run)]
    failed = len(failures(study))
    if failed:
        runs = "1 run has" if failed == 1 else f"{failed} runs have"
        found.append(f"{runs} not finished; see the record below.")
    return list(dict.fromkeys(found))


def equivalent_labels(study: StoredStudy) -> list[str]:
    """Return sentences on the equivalent labels of the arms, the largest label fraction first."""
    efficiency = study.results.label_efficiency
    rows = efficiency.equivalent_labels if efficiency else []
    order = {arm: number for number, arm in enumerate(study.arms)}
    rows = sorted(rows, key=lambda row: (-row.label_fraction, order[row.arm]))
    return [row.sentence for row in rows]


def best(study: StoredStudy) -> str:
    """Return a sentence on the model that was kept; nothing where none was."""
    kept = study.results.best
    if not kept:
        return ""
    of = f" of {study.arm_title(kept.arm)}" if kept.arm else ""
    runs = f"The run {kept.run}{of}" if kept.run else f"An ensemble of {len(kept.members)} runs{of}"
    return (
        f"{runs} was selected as the model to use and is in {kept.folder}/. It was selected on the "
        f"validation images ({wording.metric_words(kept.metric)} {wording.decimal(kept.val)}); "
        f"on the test images it reached {wording.decimal(kept.test[kept.metric])}."
    )
