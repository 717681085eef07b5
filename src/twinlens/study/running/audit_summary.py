"""The audit of a study's data and split, before anything is trained on them."""

from pathlib import Path
from typing import Any

from twinlens.auditing.audit import audit_of
from twinlens.console import say
from twinlens.data.dataset import Dataset
from twinlens.data.splits import Split
from twinlens.files import read_json, write_json
from twinlens.study.running.paths import AUDIT


def keep_audit(study: Path, dataset: Dataset, split: Split) -> None:
    """Keep what an audit finds in the study's folder, and say aloud what makes results doubtful.

    Nothing is audited again that the folder or the data set has an audit of.
    """
    path = study / AUDIT
    kept = read_json(path) if path.exists() else {}
    identity = {"data_hash": dataset.hash, "split": split.name, "split_hash": split.hash}
    if {key: kept.get(key) for key in identity} != identity:
        kept = identity | _summary(audit_of(dataset, split), split.name)
        write_json(path, kept)
    for warning in kept["warnings"]:
        say(f"WARNING: {warning}")
    if kept["leaking"]:
        say(
            "WARNING: results on val and test may look better than they are. See the pairs, and "
            f"repair the split: twinlens audit {dataset.path} --split {split.name} --fix"
        )


def _summary(findings: dict[str, Any], split: str) -> dict[str, Any]:
    """Return the findings on one split without the lists."""
    leaks, links = findings["splits"][split]["leaks"], findings["links"]
    counts = {
        found_by: sum(link["found_by"] == found_by for link in links)
        for found_by in ("pixels", "hash", "embedding")
    }
    for key in ("conflicts", "doubtful_labels", "quality", "skipped"):
        counts[key] = None if findings[key] is None else len(findings[key])
    return {
        "leaking": findings["leaking"],
        "leaks": {
            "groups": len(leaks["groups"]),
            "links": len(leaks["links"]),
            "known": leaks["known"],
        },
        "counts": counts,
        "settings": findings["settings"],
        "seconds": findings["seconds"],
        "warnings": findings["warnings"],
        "summary": findings["summary"],
    }
