"""A pretraining that is ready to run."""

from dataclasses import dataclass
from pathlib import Path

from lightning_fabric import Fabric

from twinlens.data.dataset import Dataset
from twinlens.data.splits import Split
from twinlens.models.encoders import Encoder
from twinlens.pretraining.methods import METHODS
from twinlens.pretraining.partners import Partners
from twinlens.settings.pretraining import Pretraining
from twinlens.types import Rows
from twinlens.views.view import ViewPlan


@dataclass(frozen=True)
class Job:
    """What is pretrained on what, and where.

    Attributes:
        encoder: With its initial weights, on Fabric's device; it is trained in place.
        data: Where images and labels are.
        split: Gives the labelled training images for the monitor's probes, and for them alone.
        rows: The images to learn from.
        config: The settings.
        fabric: Device and precision; of several processes each takes its shard of every batch.
        folder: Where checkpoint, lr_finder.json and monitor.json are kept.
        seed: Seed of all that is random.
        partners: The images of the second views; None where both views show one image.
    """

    encoder: Encoder
    data: Dataset
    split: Split
    rows: Rows
    config: Pretraining
    fabric: Fabric
    folder: Path
    seed: int
    partners: Partners | None = None

    @property
    def size(self) -> int:
        """Side of the images in pixels, as they are trained on and evaluated."""
        return self.config.image_size or self.data.size

    @property
    def plan(self) -> ViewPlan:
        """The views that each image gets in a step."""
        return METHODS[self.config.method].views(self.config, self.size)
