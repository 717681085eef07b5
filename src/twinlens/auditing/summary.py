"""The findings of an audit in sentences, the most serious first."""

from typing import Any

from twinlens.auditing.repair import in_words


def warnings(findings: dict[str, Any]) -> list[str]:
    """Return why results on val and test may look better than they are, a sentence each."""
    found = [
        _leaking(name, split["leaks"])
        for name, split in findings["splits"].items()
        if split["leaks"]["leaking"]
    ]
    return found + [sentence for run in findings["pretraining"] for sentence in _doubts(run)]


def sentences(findings: dict[str, Any]) -> list[str]:
    """Return what a person should know, a sentence each: the `warnings` first."""
    data = findings["data"]
    kept_apart = "no group lies" if data["table_only"] else "no group and no near-duplicates lie"
    found = warnings(findings)
    found += [
        f"Split '{name}': {kept_apart} on two sides."
        for name, split in findings["splits"].items()
        if not split["leaks"]["leaking"]
    ]
    found += [
        f"Split '{done['split']}' repairs '{name}': {in_words(done)}"
        for name, done in findings["repaired"].items()
    ]
    found += [
        f"The pretraining {run['run']} saw no test image, and no copy of one."
        for run in findings["pretraining"]
        if not _doubts(run)
    ]
    if not data["groups_of_several"]:
        found.append("No group has several images, so siblings of one lesion cannot be told.")
    if data["table_only"]:
        found.append("Images were not looked at: the data set is a table alone.")
    else:
        found.append(_copies(findings))
    return found + _oddities(findings)


def _copies(findings: dict[str, Any]) -> str:
    links = findings["links"]
    count = {
        kind: sum(link["found_by"] == kind for link in links)
        for kind in ("pixels", "hash", "embedding")
    }
    kinds = [
        _number(count["pixels"], "exact duplicate"),
        f"{_number(count['hash'], 'near-duplicate pair')} by hash",
    ]
    if findings["settings"]["features"]:
        kinds.append(f"{_number(count['embedding'], 'similar pair')} by embedding")
    strangers = sum(link["group_a"] != link["group_b"] for link in links)
    return f"{', '.join(kinds)}; {strangers:,} of them across groups."


def _oddities(findings: dict[str, Any]) -> list[str]:
    found = []
    if findings["conflicts"]:
        found.append(f"Within {_number(len(findings['conflicts']), 'pair')} the two labels differ.")
    if findings["doubtful_labels"]:
        number = _number(len(findings["doubtful_labels"]), "label")
        found.append(f"The nearest images speak against {number}.")
    if findings["quality"]:
        found.append(f"Standing out in quality: {_number(len(findings['quality']), 'image')}.")
    if findings["skipped"]:
        found.append(f"{_number(len(findings['skipped']), 'file')} could not be imported.")
    return found


def _leaking(name: str, leaks: dict[str, Any]) -> str:
    part = max(("test", "val"), key=lambda part: leaks["known"][part]["any"])
    known = leaks["known"][part]
    return (
        f"Split '{name}' LEAKS: {_number(len(leaks['groups']), 'group')} and "
        f"{_number(len(leaks['links']), 'near-duplicate pair')} lie on two sides; "
        f"{100 * known['train']:.1f} % of the {part} images have a sibling or copy in train, "
        f"{100 * known['any']:.1f} % in train or unlabelled."
    )


def _doubts(run: dict[str, Any]) -> list[str]:
    if "unknown" in run:
        return [f"UNKNOWN whether a pretraining saw test images: {run['unknown']}"]
    return [
        f"TRANSDUCTIVE: the pretraining {run['run']} saw {parts['test']['same']:,} of the "
        f"{parts['test']['images']:,} test images of split '{split}', and siblings or copies of "
        f"{parts['test']['copy']:,} more."
        for split, parts in run["seen"].items()
        if parts["test"]["same"] or parts["test"]["copy"]
    ]


def _number(count: int, noun: str) -> str:
    return f"{count:,} {noun}" + ("" if count == 1 else "s")
