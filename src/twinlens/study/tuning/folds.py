"""The folds of a search: parts of the labelled training images, each once the validation part."""

from dataclasses import replace

import numpy as np
from filelock import FileLock

from twinlens.data.dataset import Dataset
from twinlens.data.splits import (
    FOLDER,
    TUNING,
    Split,
    has_split,
    open_split,
    unlabelled_rows,
    write_split,
)
from twinlens.errors import UserError
from twinlens.files import digest
from twinlens.records.split import TuningFold
from twinlens.records.tuning import Fold
from twinlens.seeds import derive
from twinlens.splitting.assignment import Assignment, Sample, fold_of_group, sample_of
from twinlens.splitting.label_fraction import label_fraction
from twinlens.splitting.plans import links_used
from twinlens.types import Rows


def make_folds(
    data: Dataset,
    split: Split,
    *,
    classes: list[str] | None,
    fraction: float,
    folds: int,
    seed: int,
) -> tuple[list[Fold], list[str]]:
    """Divide the labels of a label fraction into folds, and write a split for each of them.

    The training part of a split is what its fold leaves; all other training and unlabelled images
    are unlabelled, but for the siblings of the fold's images, which are left out, and so are the
    validation and test images. Groups stay whole, and classes are spread over the folds. A class
    of so few groups that a training part would lack it is held out of none.

    Args:
        data: The data set, of the classes of the task.
        split: The split whose training images are searched on.
        classes: Classes of the task; None for all.
        fraction: Label fraction.
        folds: Number of folds.
        seed: Seed of the runs, which draws the label fraction and the folds.

    Returns:
        The folds, and sentences for the user.

    Raises:
        UserError: There are fewer groups than folds.
    """
    rows = label_fraction(data, split, fraction, derive(seed, "label_fraction"))
    every = sample_of(data)
    labels = np.where(np.isin(np.arange(len(every.labels)), rows), every.labels, -1)
    sample = replace(every, labels=labels)
    number = len(np.unique(sample.groups[rows]))
    if not 2 <= folds <= number:
        raise UserError(
            f"--folds {folds} must be 2 or more, and no more than the {number} groups that "
            f"have labels at a label fraction of {fraction:g}."
        )
    fold_of = fold_of_group(sample, folds, derive(seed, "tuning folds"))
    kept = _keep_rare_classes(sample, fold_of)
    rare = f"Too few groups to be held out, so always in the training part: {', '.join(kept)}."
    pool = unlabelled_rows(split)
    method = TuningFold(
        seed=seed,
        links=links_used(data),
        split=split.name,
        split_hash=split.hash,
        classes=classes,
        label_fraction=fraction,
        labelled=len(split.rows["train"]),
        folds=folds,
        fold=1,
    )
    made = []
    with _one_at_a_time(data):
        for fold in range(1, folds + 1):
            part = _parts(sample, rows, pool, fold_of[sample.groups] == fold - 1)
            made.append(_write(data, split, method.model_copy(update={"fold": fold}), part))
    return made, [rare] if kept else []


def _one_at_a_time(data: Dataset) -> FileLock:
    """Return the lock under which one process at a time writes folds."""
    folder = data.path / FOLDER / TUNING
    folder.mkdir(parents=True, exist_ok=True)
    return FileLock(folder / ".lock")


def _keep_rare_classes(sample: Sample, fold_of: np.ndarray) -> list[str]:
    """Take the groups of a class that is in one fold alone out of it; return those classes."""
    kept = []
    for label in np.unique(sample.labels[sample.labels >= 0]):
        groups = np.unique(sample.groups[sample.labels == label])
        if len(np.unique(fold_of[groups])) == 1:
            fold_of[groups] = -1
            kept.append(sample.classes[label])
    return kept


def _parts(sample: Sample, rows: Rows, pool: Rows, held_out: np.ndarray) -> Assignment:
    part = np.full(len(sample.labels), None, dtype=object)
    part[pool] = "unlabelled"
    part[rows] = "train"
    part[held_out] = None
    part[rows[held_out[rows]]] = "val"
    return part


def _write(data: Dataset, split: Split, method: TuningFold, part: Assignment) -> Fold:
    identity = digest(method.model_dump() | {"data": data.hash})[:8]
    name = f"{TUNING}{split.name}-{identity}-fold{method.fold}"
    if has_split(data.path, name):
        written = open_split(data, name)
    else:
        written = write_split(data.path, name, part, method, previous_hashes=split.lineage)
    train, val = (len(written.rows[held]) for held in ("train", "val"))
    return Fold(
        seed=method.seed,
        number=method.fold,
        split=name,
        hash=written.hash,
        train=train,
        val=val,
    )
