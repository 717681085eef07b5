"""Test images must not have been trained on, by whatever way they got there."""

from collections.abc import Iterator, Mapping
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
        provenance: The configuration of what was trained, see `_trainings`.
        what: Its name, for the error.

    Raises:
        UserError: The data set is the same or has grown since, and the split is neither the same
            nor an extension.
    """
    for training in _trainings(provenance):
        same_images = training.get("data_hash") in dataset.lineage
        if same_images and training["split_hash"] not in split.lineage:
            raise UserError(
                f"{what} was trained on another split of {dataset.path} than '{split.name}', so it "
                "may know these test images: use the split that it was trained on."
            )


def transductive(provenance: Mapping[str, Any]) -> str | None:
    """Say that a pretraining saw validation and test images, if it did; None if it did not.

    Args:
        provenance: The configuration of a pretraining or a training, see `_trainings`.
    """
    for training in _trainings(provenance):
        if training.get("images") == "all" or training.get("transductive"):
            return (
                "Transductive: pretraining saw the validation and test images, without their "
                "labels."
            )
    return None


def _trainings(provenance: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """Yield a configuration, and what is known of all trainings that it started from.

    ``pretrained`` is the configuration of a pretraining run, ``origin`` the header of the file of
    weights.
    """
    yield provenance
    for source in ("pretrained", "origin"):
        yield from _trainings(provenance[source]) if source in provenance else ()
