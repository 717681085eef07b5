"""The page of a study: stored files in, one self-contained HTML file out."""

from base64 import b64encode
from collections.abc import Callable
from dataclasses import dataclass
from itertools import count as counting
from pathlib import Path
from shlex import quote
from typing import Any

import yaml
from jinja2 import Environment, PackageLoader, StrictUndefined

from twinlens.files import digest, write_text
from twinlens.reporting import curves, figures, pictures, tables, wording
from twinlens.reporting.stored import StoredRun, StoredStudy, read_study
from twinlens.reporting.svg import swatch

_PICTURE_BYTES = 1_000_000  # of all pictures together, so that the page stays light


@dataclass(frozen=True)
class Views:
    """Pairs of views that a pretraining run has stored; `uri` is empty if they are too large."""

    arms: str
    path: str
    uri: str


def report(study_dir: Path) -> Path:
    """Write the page of a finished study from its stored files alone.

    Args:
        study_dir: Folder that `twinlens compare` has written.

    Returns:
        Path of ``report.html`` in that folder.

    Raises:
        UserError: The folder holds no finished study.
    """
    study = read_study(Path(study_dir))
    out = study.folder / "report.html"
    write_text(out, render("study.html", **content(study)))
    return out


def render(template: str, **values: Any) -> str:
    """Fill in a template; what is not marked as markup is escaped."""
    environment = Environment(
        loader=PackageLoader("twinlens.reporting"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(
        count=wording.count,
        duration=wording.duration,
        listing=wording.listing,
        metric=wording.metric_title,
        budget=wording.budget_title,
        decimal=wording.decimal,
        breakable=wording.breakable,
        shown=pictures.shown_of,
    )
    return environment.get_template(template).render(number=_numbering(), **values)


def _numbering() -> Callable[[str], int]:
    """Return a function that numbers figures and tables in the order of their appearance."""
    counters = {"Figure": counting(1), "Table": counting(1)}
    return lambda kind: next(counters[kind])


def content(study: StoredStudy) -> dict[str, Any]:
    """Return what the template shows: words, tables and figures."""
    pretrained = study.runs_of("pretrain")
    terms = curves.loss_columns(study, "pretrain")
    return {
        "study": study,
        "key_numbers": key_numbers(study),
        "notices": notices(study),
        "arm_legend": [(swatch(index), arm) for index, arm in enumerate(study.arms)],
        "arms": tables.arms_table(study),
        "differences": tables.differences_table(study),
        "difference_panels": figures.difference_panels(study),
        "class_panels": figures.class_panels(study),
        "confusions": tables.confusions(study),
        "counts": tables.counts_table(study),
        "pretrained": pretrained,
        "views": views(pretrained),
        "pretraining_searches": curves.lr_finder_panels(study, "pretrain"),
        "fine_tuning_searches": curves.lr_finder_panels(study, "train"),
        "schedule_panels": curves.schedule_panels(study),
        "pretraining_losses": curves.loss_panels(study, "pretrain"),
        "pretraining_terms": curves.loss_legend(terms),
        "has_floor": "floor" in terms,
        "fine_tuning_losses": curves.loss_panels(study, "train"),
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
            numbers.append((wording.decimal(found["mean"]), metric, f"{arm}, {spread}"))
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
    if any(_holds(run.info.get("config"), "images", "all") for run in study.runs_of("pretrain")):
        found.append(
            "Transductive: pretraining has seen the validation and test images, "
            "without their labels."
        )
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


def _holds(config: Any, key: str, value: object) -> bool:
    """Tell whether `key` has this value anywhere in a configuration."""
    if not isinstance(config, dict):
        return False
    return config.get(key) == value or any(_holds(part, key, value) for part in config.values())


def views(pretrained: list[StoredRun]) -> list[Views]:
    """Return the stored pairs of views, one picture for the arms that share a pretraining."""
    found: dict[tuple[str, ...], Views] = {}
    room = _PICTURE_BYTES
    for run in pretrained:
        path = run.folder / "views.png"
        if run.arms in found or not path.is_file():
            continue
        uri, size = "", path.stat().st_size
        if size <= room:
            room -= size
            uri = "data:image/png;base64," + b64encode(path.read_bytes()).decode()
        found[run.arms] = Views(wording.listing(run.arms), f"runs/{run.name}/views.png", uri)
    return list(found.values())


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
