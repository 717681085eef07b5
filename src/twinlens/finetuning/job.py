"""A training that is ready to run."""

from dataclasses import dataclass
from pathlib import Path

from lightning_fabric import Fabric

from twinlens.data.dataset import Dataset
from twinlens.settings.finetuning import FineTuning
from twinlens.types import Rows


@dataclass(frozen=True)
class Job:
    """What is trained on what, and where.

    Attributes:
        data: Where images and labels are.
        rows: The labelled training images that are used.
        labels: Class number of every image of the data set, of which those of `rows` are used.
        unlabelled: The images whose labels are not used.
        labelled: Number of all labelled training images, of which `rows` may be a fraction.
        config: The settings.
        fabric: Device and precision.
        folder: Where checkpoint and lr_finder.json are kept.
        seed: Everything random derives from it.
    """

    data: Dataset
    rows: Rows
    labels: Rows
    unlabelled: Rows
    labelled: int
    config: FineTuning
    fabric: Fabric
    folder: Path
    seed: int

    @property
    def size(self) -> int:
        """Side of the images in pixels: the settings' or the data set's."""
        return self.config.image_size or self.data.size

    @property
    def steps_per_epoch(self) -> int:
        """Steps of an epoch, see `FineTuning.steps_per_epoch`."""
        return self.config.steps_per_epoch(len(self.rows), self.labelled)
