"""A small study of synthetic images, of a size that this machine does in minutes."""

import shutil
import time
from dataclasses import dataclass
from importlib.resources import as_file, files
from pathlib import Path

import torch

from twinlens.console import duration, say
from twinlens.importing.import_images import import_images
from twinlens.models.encoders import build_encoder
from twinlens.requests.base import accepts
from twinlens.requests.demo import DemoRequest
from twinlens.study.compare import compare
from twinlens.study.running.paths import STUDY

_OPENING = """\
This draws {images:,} small synthetic images of skin spots. Their six classes differ in texture
alone, and only {labelled} training images have a label. It trains a small ResNet on these, with
and without Barlow Twins pretraining on {unlabelled:,} images without a label, five seeds each,
fine-tuned and as a linear probe. It ends with a verdict in words and the path of a report. At the
speed of this machine it will take about {time}. The images are drawings: the verdict is about them
and about nobody's skin."""

_IMAGES, _PIXELS = 4500, 32
_BATCH = 128
_OVERHEAD_S = 20


@dataclass(frozen=True)
class Size:
    """A size of the demonstration.

    Attributes:
        epochs: Epochs of each pretraining.
        label_fractions: Shares of the labels.
        passes: Its work on one core in forward and backward passes, see `seconds_per_pass`.
    """

    epochs: int
    label_fractions: tuple[float, ...]
    passes: int

    def seconds(self, per_pass: float, workers: int) -> float:
        """Return the seconds that so many workers need, each with one core."""
        return _OVERHEAD_S + per_pass * self.passes / workers


SIZES = (
    Size(10, (1.0, 0.5, 0.25), 12300),
    Size(8, (1.0, 0.25), 10300),
    Size(6, (1.0, 0.25), 8300),
)
"""The largest first; the passes stand for the time that they took on two cores."""

LONGEST_S = 280
"""A size that takes longer is too large for this machine."""


@accepts(DemoRequest)
def demo(request: DemoRequest) -> Path:
    """Run the demonstration study; finished runs are kept.

    Returns:
        The folder of the study, ready for `report`.
    """
    out = Path(request.out)
    study, workers = out / "study", 1 if torch.cuda.is_available() else torch.get_num_threads()
    if request.overwrite and (study / STUDY).exists():
        shutil.rmtree(study)
    if (study / STUDY).exists():  # of the size that was chosen then
        return compare(study / STUDY, study, workers=workers)
    per_pass = seconds_per_pass()
    size = choose_size(per_pass, workers)
    say(
        _OPENING.format(
            images=_IMAGES,
            labelled=_IMAGES // 40,
            unlabelled=_IMAGES * 3 // 4,
            time=duration(size.seconds(per_pass, workers)),
        )
    )
    source, overwrite = f"textures:{_IMAGES}", request.overwrite
    data = import_images(source, out / "data", kind="phantom", size=_PIXELS, overwrite=overwrite)
    settings = (
        f"data={data.path}",
        f"pretrain.epochs={size.epochs}",
        f"label_fractions={[*size.label_fractions]}",
    )
    with as_file(files("twinlens.studies") / "demo.yaml") as file:
        return compare(file, study, settings=settings, workers=workers)


def choose_size(per_pass: float, workers: int) -> Size:
    """Return the largest size that takes at most `LONGEST_S`, or else the smallest."""
    fitting = [size for size in SIZES if size.seconds(per_pass, workers) <= LONGEST_S]
    return fitting[0] if fitting else SIZES[-1]


def seconds_per_pass() -> float:
    """Measure a forward and backward pass of the demonstration's network on one core, in seconds.

    The batch has 128 images, as many as a pretraining step of 64 pairs.
    """
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        encoder = build_encoder("resnet18_quarter", seed=0)
        images = torch.zeros(_BATCH, 3, _PIXELS, _PIXELS)
        images = images.contiguous(memory_format=torch.channels_last)
        times = []
        for _ in range(8):  # the first one warms up; the quickest is the least disturbed
            start = time.perf_counter()
            encoder(images).sum().backward()
            times.append(time.perf_counter() - start)
        return min(times[1:])
    finally:
        torch.set_num_threads(threads)
