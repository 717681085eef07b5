"""The page of a study: stored files in, one self-contained HTML file out."""

from pathlib import Path
from shlex import quote
from typing import Any

import yaml

from twinlens.files import digest, write_text
from twinlens.reporting import curves, figures, tables, wording
from twinlens.reporting.evidence import evidence, views
from twinlens.reporting.monitoring import alarms
from twinlens.reporting.pretraining_page import pretraining_report
from twinlens.reporting.rendering import render
from twinlens.reporting.stored import StoredRun, StoredStudy, read_study
from twinlens.reporting.svg import swatch


def report(folder: Path) -> Path:
    """Write the page of a finished study or pretraining from its stored files alone.

    Args:
        folder: Folder that `twinlens compare` or `twinlens pretrain` has written.

    Returns:
        Path of ``report.html`` in that folder.

    Raises:
        UserError: The folder holds neither.
    """
    if (Path(folder) / "run.json").is_file():
        return pretraining_report(folder)
    study = read_study(Path(folder))
    out = study.folder / "report.html"
    write_text(out, render("study.html", **content(study)))
    return out


def content(study: StoredStudy) -> dict[str, Any]:
    """Return what the template shows: words, tables and figures."""
    pretrained, fine_tuned = curves.by_arm(study, "pretrain"), curves.by_arm(study, "train")
    terms = curves.loss_columns(pretrained)
    return {
        "study": study,
        "key_numbers": key_numbers(study),
        "notices": notices(study),
        "arm_legend": [(swatch(i), study.arm_title(arm)) for i, arm in enumerate(study.arms)],
        "reference": study.arm_title(study.reference),
        "arms": tables.arms_table(study),
        "differences": tables.differences_table(study),
        "difference_panels": figures.difference_panels(study),
        "class_panels": figures.class_panels(study),
        "confusions": tables.confusions(study),
        "counts": tables.counts_table(study),
        "evidence": evidence(pretrained, study.folder),
        "views": views(pretrained, study.folder),
        "pretraining_searches": curves.lr_finder_panels(pretrained),
        "fine_tuning_searches": curves.lr_finder_panels(fine_tuned),
        "schedule_panels": curves.schedule_panels([*fine_tuned, *pretrained]),
        "pretraining_losses": curves.loss_panels(pretrained),
        "pretraining_terms": curves.loss_legend(terms),
        "has_floor": "floor" in terms,
        "fine_tuning_losses": curves.loss_panels(fine_tuned),
        "known": tables.known_table(study.audit["leaks"]["known"]) if study.audit else None,
        "openings": tables.records_table(study.results.get("test_openings") or []),
        "failures": tables.records_table(failures(study)),
        "runs": tables.runs_table(study),
        "seconds": sum(run.info.get("seconds") or 0 for run in study.runs),
        "settings": settings(study),
        "environment": tables.facts_table(study.environment),
        "hashes": tables.facts_table(hashes(study)),
        "command": f"twinlens compare {quote(str(study.folder / 'study.yaml'))} "
        f"--out {quote(str(study.folder) + '-again')}",
    }


def key_numbers(study: StoredStudy) -> list[tuple[str, str, str]]:
    """Return (value, name, detail) of the few numbers that a reader looks for first."""
    if not study.budgets:
        return []
    budget, metric = study.budgets[0], wording.metric_title(study.primary)
    numbers = []
    for arm in dict.fromkeys([study.reference, _highest_other(study)]):
        found = study.summary(arm, budget, study.primary) if arm else None
        if arm and found:
            spread = wording.spread(found) if found["n"] > 1 else tables.ONE_SEED
            detail = f"{study.arm_title(arm)}, {spread}"
            numbers.append((wording.decimal(found["mean"]), metric, detail))
    found = study.difference(_highest_other(study) or "", budget, study.primary)
    if found:
        detail = wording.interval(found.get("interval"), signed=True) or tables.ONE_SEED
        numbers.append((wording.decimal(found["mean"], signed=True), "Paired difference", detail))
    arms, counts = len(study.arms), study.data.get("counts") or {}
    images = {split: sum(counts.get(split, {}).values()) for split in ("train", "val", "test")}
    most = max(s["n"] for a in study.arms if (s := study.summary(a, budget, study.primary)))
    numbers.append(
        (str(most), "Seeds" if most != 1 else "Seed", f"{arms} arms" if arms != 1 else "1 arm")
    )
    if images["train"]:
        detail = f"{wording.count(images['train'])} train, {wording.count(images['val'])} val"
        labels = wording.count(images["train"] + images["val"])
        numbers.append((labels, "Labelled images", detail))
    if images["test"]:
        numbers.append((wording.count(images["test"]), "Test images", ""))
    return numbers


def _highest_other(study: StoredStudy) -> str | None:
    """Return the arm with the highest mean beside the reference, at the largest budget."""
    means = {
        arm: found["mean"]
        for arm in study.arms
        if arm != study.reference and (found := study.summary(arm, study.budgets[0], study.primary))
    }
    return max(means, key=lambda arm: means[arm], default=None)


def notices(study: StoredStudy) -> list[str]:
    """Return what a reader must know before believing a number."""
    found = list((study.audit or {}).get("warnings", []))
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


def failures(study: StoredStudy) -> list[Any]:
    """Return what the study says has failed, and the planned runs that are not there."""
    named = list(study.results.get("failures") or [])
    known = {str(entry.get("run")) for entry in named if isinstance(entry, dict)}
    return named + [run for run in study.unfinished if run["run"] not in known]


def settings(study: StoredStudy) -> list[tuple[str, str]]:
    """Return (title, YAML) of the study and of the first run of each arm and kind."""
    texts = [("study.yaml", study.settings_text)] if study.settings_text else []
    first: dict[tuple[str, tuple[str, ...]], StoredRun] = {}
    for run in [*study.runs_of("pretrain"), *study.runs_of("train")]:
        first.setdefault((run.kind, run.arms), run)
    for run in first.values():
        text = yaml.safe_dump(run.info.get("config") or {}, sort_keys=False, allow_unicode=True)
        texts.append((f"Run {run.name}", text))
    return texts


def hashes(study: StoredStudy) -> dict[str, str]:
    """Return what identifies the data, the splits, the settings and the results."""
    splits = {
        f"{run.data.get('split')}": str(run.data["split_hash"])
        for run in study.runs
        if run.data.get("split_hash")
    }
    found = {"data": str(study.data["hash"])} if study.data.get("hash") else {}
    found |= {f"split {name}": value for name, value in splits.items()}
    found["settings"] = digest(study.settings)
    found["results"] = digest(study.results)
    return found
