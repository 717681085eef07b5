"""The findings of an audit in sentences, the most serious first."""

from collections.abc import Iterator

from twinlens.auditing.repair import repair_sentence
from twinlens.records.audit import ImageFindings
from twinlens.records.split_audit import Leaks, PretrainingOverlap, SplitFindings


def warning_sentences(found: SplitFindings) -> list[str]:
    """Return why results on val and test may look better than they are."""
    leaking = [(n, split.leaks) for n, split in found.splits.items() if split.leaks.leaking]
    warnings = [_leak_warning(name, leaks) for name, leaks in leaking]
    return warnings + [text for run in found.pretraining for text in _overlap_warnings(run)]


def summary_sentences(images: ImageFindings, found: SplitFindings) -> list[str]:
    """Return what a user should know: the warnings first."""
    return [*warning_sentences(found), *_clean(images, found), *_image_sentences(images)]


def _clean(images: ImageFindings, found: SplitFindings) -> Iterator[str]:
    """Yield what is in order, and what was repaired."""
    kind = "No group lies" if images.data.table_only else "No group and no near-duplicates lie"
    for name, split in found.splits.items():
        if not split.leaks.leaking:
            yield f"{kind} on two sides of the split '{name}'."
    for name, repair in found.repairs.items():
        yield f"Split '{repair.split}' repairs '{name}': {repair_sentence(repair)}"
    for run in found.pretraining:
        if not _overlap_warnings(run):
            yield f"The pretraining {run.run} saw no test image, and no copy of one."


def _image_sentences(images: ImageFindings) -> Iterator[str]:
    """Yield how many findings of each kind there are."""
    counts = images.counts()
    yield from images.data.import_notes
    if not images.data.multi_image_groups:
        yield "No group has several images, so siblings of one lesion cannot be identified."
    if images.data.table_only:
        yield "Images were not examined: the data set is a table without images."
    else:
        kinds = [
            _number(counts.exact_duplicates, "exact duplicate"),
            f"{_number(counts.near_duplicates, 'near-duplicate pair')} by hash",
        ]
        if images.settings.encoder:
            kinds.append(f"{_number(counts.similar_images, 'similar pair')} by embedding")
        across = sum(link.group_a != link.group_b for link in images.links)
        yield f"{', '.join(kinds)}; {across:,} of them across groups."
    if counts.conflicts:
        yield f"Pairs with two different labels: {counts.conflicts:,}."
    if counts.suspected_label_errors:
        yield f"Suspected label errors: {counts.suspected_label_errors:,}."
    if counts.outliers:
        yield f"Outliers in image quality: {counts.outliers:,}."
    if counts.skipped:
        yield f"Files that could not be imported: {counts.skipped:,}."


def _leak_warning(name: str, leaks: Leaks) -> str:
    part, known = max(reversed(leaks.contamination.items()), key=lambda item: item[1].any)
    return (
        f"Split '{name}' LEAKS: {_number(len(leaks.groups), 'group')} and "
        f"{_number(len(leaks.links), 'near-duplicate pair')} lie on two sides; "
        f"{100 * known.train:.1f} % of the {part} images have a sibling or copy in train, "
        f"{100 * known.any:.1f} % in train or unlabelled."
    )


def _overlap_warnings(run: PretrainingOverlap) -> list[str]:
    if run.unknown:
        return [f"UNKNOWN whether a pretraining saw test images: {run.unknown}"]
    return [
        f"TRANSDUCTIVE: the pretraining {run.run} saw {parts['test'].same:,} of the "
        f"{parts['test'].images:,} test images of split '{split}', and siblings or copies of "
        f"{parts['test'].copies:,} more."
        for split, parts in (run.seen or {}).items()
        if parts["test"].same or parts["test"].copies
    ]


def _number(count: int, noun: str) -> str:
    return f"{count:,} {noun}" + ("" if count == 1 else "s")
