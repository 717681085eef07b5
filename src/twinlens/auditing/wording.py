"""The findings of an audit in sentences, the most serious first."""

from typing import Any


def sentences(findings: dict[str, Any]) -> list[str]:
    """Return what a person should know, a sentence each."""
    found = [sentence for split in findings["splits"].items() for sentence in _of_split(*split)]
    found += [sentence for run in findings["pretraining"] for sentence in _of_pretraining(run)]
    links, data = findings["links"], findings["data"]
    count = {
        kind: sum(link["found_by"] == kind for link in links)
        for kind in ("pixels", "hash", "embedding")
    }
    if data["table_only"]:
        found.append("Images were not looked at: the data set is a table alone.")
    else:
        strangers = sum(link["group_a"] != link["group_b"] for link in links)
        found.append(
            f"{_number(count['pixels'], 'exact duplicate')}, "
            f"{_number(count['hash'], 'near-duplicate pair')} by hash"
            + (
                f", {_number(count['embedding'], 'similar pair')} by embedding"
                if findings["settings"]["features"]
                else ""
            )
            + f"; {strangers:,} of them join two groups."
        )
    if findings["conflicts"]:
        found.append(f"{_number(len(findings['conflicts']), 'pair')} of copies differ in label.")
    if findings["doubtful_labels"]:
        number = _number(len(findings["doubtful_labels"]), "label")
        found.append(f"{number} disagree with what the nearest images are labelled.")
    if findings["quality"]:
        found.append(f"{_number(len(findings['quality']), 'image')} stand out in quality.")
    if findings["skipped"]:
        found.append(f"{_number(len(findings['skipped']), 'file')} could not be imported.")
    return found


def _of_split(name: str, split: dict[str, Any]) -> list[str]:
    leaks = split["leaks"]
    if not leaks["leaking"]:
        return [f"Split '{name}': no group and no near-duplicates lie on two sides."]
    known = leaks["known"]["test"]
    return [
        f"Split '{name}' LEAKS: {_number(len(leaks['groups']), 'group')} and "
        f"{_number(len(leaks['links']), 'near-duplicate pair')} lie on two sides; "
        f"{known['train']:.1%} of the test images have a sibling or copy in train, "
        f"{known['any']:.1%} in train or unlabelled."
    ]


def _of_pretraining(run: dict[str, Any]) -> list[str]:
    if "unknown" in run:
        return [run["unknown"]]
    result = []
    for split, parts in run["seen"].items():
        test = parts["test"]
        if test["same"] or test["copy"]:
            result.append(
                f"TRANSDUCTIVE: the pretraining {run['run']} saw {test['same']:,} of the "
                f"{test['images']:,} test images of split '{split}', and siblings or copies of "
                f"{test['copy']:,} more."
            )
    return result or [f"The pretraining {run['run']} saw no test image, and no copy of one."]


def _number(count: int, noun: str) -> str:
    return f"{count:,} {noun}" + ("" if count == 1 else "s")
