"""The audit of a data set: everything that can be known before anybody trains on it."""

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from twinlens import files
from twinlens.auditing import quality
from twinlens.auditing.composition import composition
from twinlens.auditing.duplicates import (
    CORRELATION,
    RADIUS,
    exact_duplicates,
    links_table,
    near_duplicates,
)
from twinlens.auditing.features import features_of
from twinlens.auditing.leakage import leaks, parts_of
from twinlens.auditing.neighbours import (
    COUNT,
    DISAGREEMENT,
    RATIO,
    Nearest,
    doubtful_labels,
    nearest,
    similar_images,
    whiten,
)
from twinlens.auditing.pretraining_overlap import seen_in_pretraining
from twinlens.auditing.repair import repair, repairs
from twinlens.auditing.summary import sentences, warnings
from twinlens.data.dataset import SKIPPED, Dataset
from twinlens.data.groups import LINKS
from twinlens.data.splits import Split, open_split, split_names

AUDIT = Path("audit") / "audit.json"
"""Where the audit of a data set lies in its folder."""

SETTINGS = {
    "hash_radius": RADIUS,
    "correlation": CORRELATION,
    "neighbour_ratio": RATIO,
    "neighbours": COUNT,
    "disagreement": DISAGREEMENT,
    "outlier_deviations": quality.DEVIATIONS,
}


def inspect(
    dataset: Dataset,
    splits: Sequence[Split],
    *,
    pretrained: Sequence[Path | str] = (),
    encoder: str | None = None,
    weights: str = "random",
    device: str = "auto",
    fix: bool = False,
    keep: bool = True,
) -> dict[str, Any]:
    """Audit a data set and some of its splits.

    Args:
        dataset: What to audit. Of a table without images, splits and counts alone.
        splits: Its splits to audit.
        pretrained: Pretraining runs: their images are looked for in val and test, and the first
            one's encoder finds neighbours.
        encoder: Instead of theirs, a name in `ENCODERS` or ``timm/NAME``.
        weights: Its weights: a file, or a name in `WEIGHTS`.
        device: "auto", "cpu", "cuda" or "mps".
        fix: Write a repaired split for each that leaks and has none yet, and audit it too.
        keep: Write the result beside the data set.

    Returns:
        What ``audit/audit.json`` holds; docs/audit.md describes it.
    """
    began = time.monotonic()
    features, source = features_of(
        dataset, encoder=encoder, weights=weights, pretrained=pretrained, device=device
    )
    neighbours = None if features is None else nearest(whiten(features))
    links, doubtful = _links(dataset, neighbours), _doubtful(dataset, neighbours)
    if features is None and keep:  # what an encoder found before is worth keeping
        links, doubtful, source = _with_earlier(dataset, links)
    of_splits = {split.name: _of_split(dataset, split, links) for split in splits}
    if fix:
        made = _repaired(dataset, splits, of_splits, links)
        of_splits |= {split.name: _of_split(dataset, split, links) for split in made}
        splits = [*splits, *made]
    findings: dict[str, Any] = {
        "data": _described(dataset),
        "settings": SETTINGS | {"features": source},
        "skipped": _records(pd.read_csv(dataset.path / SKIPPED, dtype=str, keep_default_na=False)),
        "links": _records(links),
        "conflicts": np.flatnonzero(_conflicting(links)).tolist(),
        "doubtful_labels": doubtful,
        "quality": _outliers(dataset),
        "splits": of_splits,
        "repaired": repairs(splits),
        "pretraining": [
            seen_in_pretraining(dataset, splits, Path(run), links) for run in pretrained
        ],
    }
    findings |= _judged(findings) | {"seconds": time.monotonic() - began}
    if keep:
        if not dataset.table_only:
            with files.atomic_file(dataset.path / LINKS) as temporary:
                links.to_parquet(temporary, index=False)
        files.write_json(dataset.path / AUDIT, findings)
    return findings


def audit_of(dataset: Dataset, split: Split) -> dict[str, Any]:
    """Return the findings on one split alone, and write nothing.

    They come from the audit that lies beside the data set, if it is of the same images. Whether a
    pretraining saw the test images is left to those who name one.
    """
    findings = _earlier(dataset)
    if not findings:
        return inspect(dataset, [split], keep=False)
    found = findings["splits"].get(split.name, {})
    if found.get("hash") != split.hash:
        links = pd.DataFrame(findings["links"], columns=["a", "b"])
        found = _of_split(dataset, split, links)
    findings |= {"splits": {split.name: found}, "repaired": repairs([split]), "pretraining": []}
    return findings | _judged(findings)


def _earlier(dataset: Dataset) -> dict[str, Any]:
    """Return what an audit of exactly these images has left, if anything."""
    path = dataset.path / AUDIT
    findings: dict[str, Any] = files.read_json(path) if path.exists() else {}
    return findings if findings.get("data", {}).get("hash") == dataset.hash else {}


def _with_earlier(
    dataset: Dataset, links: pd.DataFrame
) -> tuple[pd.DataFrame, list[dict[str, Any]] | None, str | None]:
    """Add what an earlier audit found by an encoder: links, doubtful labels, and which encoder."""
    earlier = _earlier(dataset)
    if not earlier:
        return links, None, None
    similar = [link for link in earlier["links"] if link["found_by"] == "embedding"]
    links = pd.concat([links, pd.DataFrame(similar, columns=links.columns)], ignore_index=True)
    return links, earlier["doubtful_labels"], earlier["settings"]["features"]


def _judged(findings: dict[str, Any]) -> dict[str, Any]:
    """Say what the findings mean."""
    leaking = any(split["leaks"]["leaking"] for split in findings["splits"].values())
    said = {"warnings": warnings(findings), "summary": sentences(findings)}
    return {"leaking": leaking, **said}


def _repaired(
    dataset: Dataset, splits: Sequence[Split], found: dict[str, Any], links: pd.DataFrame
) -> list[Split]:
    """Return a repair of each split that leaks: a new one, if none there is clean."""
    audited = {split.name for split in splits}
    done = repairs(open_split(dataset, name) for name in split_names(dataset))
    repaired = []
    for split in splits:
        if not found[split.name]["leaks"]["leaking"]:
            continue
        there = done.get(split.name, {})
        fixed = open_split(dataset, there["split"]) if there.get("hash") == split.hash else None
        if fixed is None or leaks(dataset, fixed, links)["leaking"]:
            fixed = repair(dataset, split, links)[0]
        if fixed.name not in audited:
            repaired.append(fixed)
    return repaired


def _links(dataset: Dataset, neighbours: Nearest | None) -> pd.DataFrame:
    """Find exact duplicates, near-duplicates and similar images; of two finds the first counts."""
    parts = [links_table([], [], "pixels", 1.0, "")]
    if not dataset.table_only:
        exact = exact_duplicates(dataset.images)
        others = np.setdiff1d(np.arange(len(dataset.images)), exact["b"])
        parts = [exact, near_duplicates(dataset.images, others)]
    if neighbours is not None:
        parts.append(similar_images(neighbours))
    links = pd.concat(parts, ignore_index=True).drop_duplicates(["a", "b"])
    links = links.reset_index(drop=True)
    for end in ("a", "b"):
        images = dataset.table.iloc[links[end].to_numpy()]
        links[f"label_{end}"] = images["label"].to_numpy()
        links[f"group_{end}"] = images["group"].to_numpy()
        links[end] = images["id"].to_numpy()
    return links


def _conflicting(links: pd.DataFrame) -> pd.Series:
    """Tell which links join two labels."""
    both = links["label_a"].notna() & links["label_b"].notna()
    return both & (links["label_a"] != links["label_b"])


def _doubtful(dataset: Dataset, neighbours: Nearest | None) -> list[dict[str, Any]] | None:
    if neighbours is None:
        return None
    groups = pd.factorize(dataset.table["group"])[0]
    table = doubtful_labels(neighbours, dataset.labels, groups)
    names = np.array(dataset.classes, dtype=object)
    for column in ("label", "neighbours"):
        table[column] = names[table[column]]
    return _with_ids(dataset, table)


def _outliers(dataset: Dataset) -> list[dict[str, Any]] | None:
    if dataset.table_only:
        return None
    return _with_ids(dataset, quality.outliers(quality.measure(dataset.images)))


def _with_ids(dataset: Dataset, table: pd.DataFrame) -> list[dict[str, Any]]:
    ids = dataset.table["id"].to_numpy()[table["row"]]
    return _records(table.assign(id=ids).drop(columns="row"))


def _records(table: pd.DataFrame) -> list[dict[str, Any]]:
    known = table.astype(object).where(table.notna(), None)
    return [{str(key): value for key, value in row.items()} for row in known.to_dict("records")]


def _described(dataset: Dataset) -> dict[str, Any]:
    sizes = dataset.table["group"].value_counts()
    return {
        "path": str(dataset.path),
        "hash": dataset.hash,
        "images": len(dataset.table),
        "table_only": dataset.table_only,
        "size": dataset.size,
        "unlabelled": int((dataset.labels < 0).sum()),
        "groups": len(sizes),
        "groups_of_several": int((sizes > 1).sum()),
        "classes": {
            name: int((dataset.labels == number).sum())
            for number, name in enumerate(dataset.classes)
        },
    }


def _of_split(dataset: Dataset, split: Split, links: pd.DataFrame) -> dict[str, Any]:
    parts = parts_of(dataset, split).set_axis(dataset.table["id"])
    return {
        "hash": split.hash,
        "composition": composition(dataset, split),
        "leaks": leaks(dataset, split, links),
        "part_of_linked": {
            image: None if pd.isna(parts[image]) else str(parts[image])
            for image in pd.unique(links[["a", "b"]].to_numpy().ravel())
        },
    }
