"""A small study of synthetic images: two arms, three seeds, a verdict and a report."""

import shutil
from importlib.resources import as_file, files
from pathlib import Path

from twinlens.console import say
from twinlens.importing.import_images import import_images
from twinlens.requests.base import accepts
from twinlens.requests.demo import DemoRequest
from twinlens.study.compare import compare
from twinlens.study.running.paths import STUDY

IMAGES = "phantom:1600"
SIZE = 32

_OPENING = """\
This draws 1,600 synthetic images of skin lesions and trains a ResNet-18 on the labelled quarter,
with all of its labels and with three tenths, with and without Barlow Twins pretraining on
unlabelled images, three seeds each. It ends with a verdict in words and the path of a report. It
takes less than six minutes on two cores. The images are drawings: the verdict is about them and
about nobody's skin."""


@accepts(DemoRequest)
def demo(request: DemoRequest) -> Path:
    """Run the demonstration study; finished runs are kept.

    Returns:
        The folder of the study, ready for `report`.
    """
    out = Path(request.out)
    say(_OPENING)
    if request.overwrite and (out / "study" / STUDY).exists():
        shutil.rmtree(out / "study")
    data = import_images(IMAGES, out / "data", kind="phantom", size=SIZE)
    with as_file(files("twinlens.studies") / "demo.yaml") as study:
        return compare(study, out / "study", settings=(f"data={data.path}",))
