"""What it takes to check a study or to run it again: failures, settings and hashes."""

from shlex import quote
from typing import Any

import yaml

from twinlens.files import digest
from twinlens.reporting.load_run import StoredRun
from twinlens.reporting.study.cost import runs_table
from twinlens.reporting.study.load_study import StoredStudy
from twinlens.reporting.tables.tables import facts_table, records_table


def content(study: StoredStudy) -> dict[str, Any]:
    """Return the tables and texts that the template shows."""
    folder = quote(str(study.folder))
    return {
        "failures": records_table(failures(study), "failures"),
        "runs": runs_table(study),
        "environment": facts_table(_environment(study), "environment"),
        "hashes": facts_table(hashes(study), "hashes"),
        "command": f"twinlens compare {folder}/study.yaml --out {folder}-again",
        "settings": settings(study),
    }


def failures(study: StoredStudy) -> list[dict[str, str]]:
    """Return the failures that the results list, and the planned runs without a complete folder."""
    failed = [failure.model_dump() for failure in study.results.failures]
    names = {failure["run"] for failure in failed}
    return failed + [run for run in study.unfinished if run["run"] not in names]


def settings(study: StoredStudy) -> list[tuple[str, str]]:
    """Return (title, YAML) of the study and of the first run of each arm and kind."""
    texts = [("study.yaml", study.settings_text)] if study.settings_text else []
    first: dict[tuple[str, tuple[str, ...]], StoredRun] = {}
    for run in [*study.runs_of("pretrain"), *study.runs_of("train")]:
        first.setdefault((run.kind, run.arms), run)
    for run in first.values():
        text = yaml.safe_dump(run.config, sort_keys=False, allow_unicode=True)
        texts.append((f"Run {run.name}", text))
    return texts


def hashes(study: StoredStudy) -> dict[str, str]:
    """Return what identifies the data, the splits, the settings and the results."""
    splits = {run.data.split: run.data.split_hash for run in study.runs if run.data.split_hash}
    return {
        **({"data": study.data.hash} if study.data and study.data.hash else {}),
        **{f"split {name}": value for name, value in splits.items()},
        "settings": digest(study.settings),
        "results": digest(study.results.model_dump(mode="json")),
    }


def _environment(study: StoredStudy) -> dict[str, Any]:
    return study.environment.model_dump(mode="json") if study.environment else {}
