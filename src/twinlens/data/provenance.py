"""Test images must not have been trained on, by whatever way they got there."""

from collections.abc import Iterable

from twinlens.data.dataset import Dataset
from twinlens.data.splits import Split
from twinlens.errors import UserError
from twinlens.records.weights import TrainedOn


def refuse_other_split(
    dataset: Dataset, split: Split, history: Iterable[TrainedOn], *, what: str
) -> None:
    """Refuse what was trained on another split of the same images, test images perhaps among them.

    Args:
        dataset: The data set in use.
        split: The split in use.
        history: All that the weights were trained on.
        what: Name of the model or its weights, for the error.

    Raises:
        UserError: The data set is the same or has grown since, and the split is neither the same
            nor an extension.
    """
    for training in history:
        same_images = training.data_hash in dataset.lineage
        if same_images and training.split_hash not in split.lineage:
            raise UserError(
                f"{what} was trained on another split of {dataset.path} than '{split.name}', so it "
                "may know these test images: use the split that it was trained on."
            )


def transductive(history: Iterable[TrainedOn]) -> str | None:
    """Return a notice if any training saw validation and test images, otherwise None."""
    if any(training.transductive for training in history):
        return "Transductive: pretraining saw the validation and test images, without their labels."
    return None
