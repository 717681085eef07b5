"""What stored runs answer to a checklist about the data; nothing where they do not show it."""

from twinlens.reporting.formatting import (
    count,
    label_fraction_title,
    listing,
    plural,
    sentence,
    share,
)
from twinlens.reporting.study.load_study import StoredStudy
from twinlens.reporting.tables.tables import arm_titles


def source(study: StoredStudy) -> str:
    """Name the data set by its path and hash."""
    data = study.data
    if not data.get("hash"):
        return ""
    return f"{data.get('path')} ({_short(data['hash'])})."


def preprocessing(study: StoredStudy) -> str:
    """Name size and normalisation of the images."""
    size = study.data.get("size")
    said = [f"Squares of {size} pixels, made once at import"] if size else []
    normalised = {bool(run.config["normalise"]) for run in study.runs if "normalise" in run.config}
    if len(normalised) == 1:
        expected = "channels normalised as the initial weights expect"
        said.append(expected if normalised.pop() else "channels not normalised")
    return sentence(said)


def subsets(study: StoredStudy) -> str:
    """Say which classes and shares of labels were used."""
    if not study.settings:
        return ""
    chosen = study.settings.get("classes")
    said = [f"Only images of {listing(chosen)}" if chosen else "All classes of the data set"]
    if len(study.label_fractions) > 1:
        said.append(
            "label fractions, nested: "
            f"{listing([*map(label_fraction_title, study.label_fractions)])}"
        )
    return sentence(said)


def missing(study: StoredStudy) -> str:
    """Count the files that could not be read."""
    if not study.audit:
        return ""
    return f"Files left out at import as unreadable: {count(study.audit.counts.skipped)}."


def labels(study: StoredStudy) -> str:
    """Say that labels are those of the import, and how many are doubtful."""
    if not study.classes:
        return ""
    errors = study.audit.counts.suspected_label_errors if study.audit else None
    suspected = "" if errors is None else f" Suspected label errors: {count(errors)}."
    return f"Labels as imported, not checked by Twinlens.{suspected}"


def partitions(study: StoredStudy) -> str:
    """Describe the split."""
    data = study.data
    if not data.get("split"):
        return ""
    sizes = [f"{count(sum(of.values()))} {part}" for part, of in (data.get("counts") or {}).items()]
    digest = _short(data.get("split_hash"))
    return f"Split ‘{data['split']}’ ({digest}), the same for all arms: {listing(sizes)} images."


def level(study: StoredStudy) -> str:
    """Say whether groups, such as patients, are on one side each."""
    audit = study.audit
    if not audit:
        return ""
    return (
        "Groups of images (as imported) on two sides of the split: "
        f"{count(audit.straddling_groups)}; "
        f"pairs of near-duplicates: {count(audit.straddling_links)}."
    )


def leakage(study: StoredStudy) -> str:
    """Say what test images training may know, and which arms are transductive."""
    said = ["The data were not audited"]
    if study.audit:
        fraction = study.audit.contamination["test"].any
        said = [f"Test images with a sibling or copy in training data: {share(fraction)}"]
    seen = arm_titles(study, study.transductive)
    said.append(
        f"pretraining saw validation and test images, without labels: {seen}"
        if seen
        else "no pretraining is known to have seen validation or test images"
    )
    return sentence(said)


def sample_size(study: StoredStudy) -> str:
    """Count seeds and test images; name what would be needed, where that was computed."""
    test = sum((study.data.get("counts") or {}).get("test", {}).values())
    said = [f"{count(test)} test images"] if test else []
    seeds = study.results.get("seeds") or []
    said += [plural(len(seeds), "seed")] if seeds else []
    label_fraction = study.label_fractions[0] if study.label_fractions else 1.0
    for arm in study.arms:
        found = study.difference(arm, label_fraction, study.primary) or {}
        if found.get("seeds_needed"):
            said.append(f"{found['seeds_needed']} seeds needed for {study.arm_title(arm)}")
    return sentence(said)


def numbers(study: StoredStudy) -> str:
    """Point to the counts by class."""
    return "Images by class and part: see Data and split." if study.data.get("counts") else ""


def internal(study: StoredStudy) -> str:
    """Say on which images the results were computed, and how often they were opened."""
    test_access = len(study.results.get("test_access") or [])
    opened = f", opened {plural(test_access, 'time')} (all logged)" if test_access else ""
    return f"Test images of the same data set’s split{opened}." if study.data.get("split") else ""


def _short(digest: object) -> str:
    return f"SHA-256 {str(digest)[:12]}…"
