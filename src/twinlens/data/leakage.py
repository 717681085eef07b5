"""Test images must not have been trained on, by whatever way they got there."""

from collections.abc import Mapping
from typing import Any

from twinlens.data.dataset import Dataset
from twinlens.data.splits import Split
from twinlens.errors import UserError


def refuse_other_split(
    dataset: Dataset, split: Split, provenance: Mapping[str, Any], *, what: str
) -> None:
    """Refuse what was trained on another split of the same images, test images perhaps among them.

    Args:
        dataset: The data set in use.
        split: The split in use.
        provenance: ``data_hash`` and ``split_hash`` of what was trained.
        what: Its name, for the error.

    Raises:
        UserError: The data set is the same or has grown since, and the split is neither the same
            nor an extension.
    """
    same_images = provenance.get("data_hash") in dataset.lineage
    if same_images and provenance["split_hash"] not in split.lineage:
        raise UserError(
            f"{what} was trained on another split of {dataset.path} than '{split.name}', so it may "
            "know these test images: use the split that it was trained on."
        )


def transductive(provenance: Mapping[str, Any]) -> str | None:
    """Say that a pretraining saw validation and test images, if it did; None if it did not.

    Args:
        provenance: The configuration of a pretraining, or of a training, with that of the
            pretraining it started from under ``pretrained``.
    """
    if provenance.get("images") == "all":
        return "Transductive: pretraining saw the validation and test images, without their labels."
    return transductive(provenance["pretrained"]) if provenance.get("pretrained") else None
