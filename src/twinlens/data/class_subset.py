"""A sub-task: some of the classes of a data set, such as melanoma against nevus."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from twinlens.data.dataset import Dataset, open_dataset
from twinlens.data.splits import Split, open_split
from twinlens.errors import UserError, unknown


def open_task(
    dataset: Path | str, split: str | None = None, classes: Sequence[str] | None = None
) -> tuple[Dataset, Split]:
    """Open a data set and one of its splits, for all classes or for some.

    Args:
        dataset: Folder of the data set.
        split: Name of the split; None for the only one.
        classes: See `select_classes`; None for all.

    Raises:
        UserError: See `open_dataset`, `open_split` and `select_classes`.
    """
    data = open_dataset(dataset)
    chosen = open_split(data, split)
    return select_classes(data, chosen, classes) if classes else (data, chosen)


def refuse_one_class(data: Dataset, split: Split) -> None:
    """Refuse to train a classifier where all training labels are of one class.

    Raises:
        UserError: They are.
    """
    found = np.unique(data.labels[split.rows["train"]])
    if len(found) == 1:
        raise UserError(
            f"All training labels of the split '{split.name}' of {data.path} are "
            f"'{data.classes[found[0]]}', and a classifier needs two classes or more: add images "
            "of another class, or use these for 'twinlens pretrain' alone."
        )


def select_classes(data: Dataset, split: Split, classes: Sequence[str]) -> tuple[Dataset, Split]:
    """Make a task of some classes; nothing on disk changes.

    Images of other classes leave `val` and `test`; those of `train` become unlabelled ones, which
    pretraining may see. The hashes stay those of the whole, so that a pretraining on the same
    split serves a task of some classes and one of all.

    Args:
        data: The data set.
        split: A split of it.
        classes: Two or more of its classes. Their order stays that of the data set.

    Returns:
        The data set whose other images have no label, and the split without them.

    Raises:
        UserError: A class is unknown, there are fewer than two, or one has no training image
            while others have.
    """
    for name in classes:
        if name not in data.classes:
            raise unknown("class", name, data.classes)
    kept = [name for name in data.classes if name in classes]
    if len(kept) < 2:
        raise UserError(f"A task needs two classes or more, not {', '.join(kept) or 'none'}.")
    wanted = data.table["label"].isin(kept)
    table = data.table.assign(label=data.table["label"].where(wanted))
    known = {name: info for name, info in data.class_info.items() if name in kept}
    record = data.record.model_copy(update={"classes": kept, "class_info": known})
    rows = {part: rows[wanted.to_numpy()[rows]] for part, rows in split.rows.items()}
    others = np.setdiff1d(split.rows["train"], rows["train"])
    rows["unlabelled"] = np.sort(np.concatenate([split.rows["unlabelled"], others]))
    missing = set(kept) - set(table["label"].iloc[rows["train"]])
    if missing and len(split.rows["train"]):  # images that are only tested on need no training
        raise UserError(
            f"The split '{split.name}' has no training image of {', '.join(sorted(missing))}: "
            "choose other classes, or another split."
        )
    images = None if data.table_only else data.images
    return Dataset(data.path, table, images, record), replace(split, rows=rows)
