"""What it takes to check a study or to run it again: failures, settings and hashes."""

import yaml

from twinlens.files import digest
from twinlens.reporting.load_run import StoredRun
from twinlens.reporting.study.load_study import StoredStudy


def failures(study: StoredStudy) -> list[dict[str, str]]:
    """Return what the study says has failed, and the planned runs that are not there."""
    named = [failure.model_dump() for failure in study.results.failures]
    known = {entry["run"] for entry in named}
    return named + [run for run in study.unfinished if run["run"] not in known]


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
    splits = {
        f"{run.data.get('split')}": str(run.data["split_hash"])
        for run in study.runs
        if run.data.get("split_hash")
    }
    found = {"data": str(study.data["hash"])} if study.data.get("hash") else {}
    found |= {f"split {name}": value for name, value in splits.items()}
    found["settings"] = digest(study.settings)
    found["results"] = digest(study.results.model_dump(mode="json"))
    return found
