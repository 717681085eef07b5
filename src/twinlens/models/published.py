"""The table of published weights: the address of each file, and how it is verified.

A plain dict and not a registry: an entry is a small record, not a file.

Sizes and hashes are those that the authors give (torchvision's names hold a hash), or that several
public projects agree on; None where none is known.
"""

from dataclasses import dataclass

from twinlens.models.encoders import IMAGENET_MEAN, IMAGENET_STD
from twinlens.types import RGB

SUM_TOLERANCE = 0.05
"""The published sums were added up in float32: by order of addition they differ by up to .03."""


@dataclass(frozen=True)
class Published:
    """A file with the weights of an encoder, pretrained on ImageNet-1k.

    Attributes:
        address: URL of the file.
        encoder: Name of the encoder, as `build_encoder` takes it.
        keys: How it names its tensors.
        source: The recipe in a sentence, and who published it.
        licence: Its licence, as the publisher's repository states it.
        size: In bytes.
        sha256: The hex digest of its content, or how it begins.
        total: Sum of all of the encoder's parameters.
        mean: Normalisation of the images that it was trained on, in [0, 1].
        std: Likewise.
    """

    address: str
    encoder: str
    keys: str
    source: str
    licence: str
    size: int | None = None
    sha256: str = ""
    total: float | None = None
    mean: RGB = IMAGENET_MEAN
    std: RGB = IMAGENET_STD


_TORCHVISION = "https://download.pytorch.org/models"
_META = "https://dl.fbaipublicfiles.com"
_WITH_CLASSIFIER = "torchvision's, with the classifier fc"
_BARE = "torchvision's, without a classifier"
_FIRST_RECIPE = "Supervised, 90 epochs; torchvision's IMAGENET1K_V1 (He et al. 2016)."
_VICREG = "VICReg, 1000 epochs, batch 2048 (Bardes, Ponce and LeCun, ICLR 2022)."

WEIGHTS: dict[str, Published] = {
    "supervised_v1": Published(
        f"{_TORCHVISION}/resnet50-0676ba61.pth",
        encoder="resnet50",
        keys=_WITH_CLASSIFIER,
        source=_FIRST_RECIPE,
        licence="BSD-3-Clause",
        size=102_530_333,
        sha256="0676ba61b6795bbe1773cffd859882e5e297624d384b6993f7c9e683e722fb8a",
    ),
    "supervised_v2": Published(
        f"{_TORCHVISION}/resnet50-11ad3fa6.pth",
        encoder="resnet50",
        keys=_WITH_CLASSIFIER,
        source="Supervised, 600 epochs with label smoothing, mixup, CutMix and TrivialAugment; "
        "torchvision's IMAGENET1K_V2 (Vryniotis 2021).",
        licence="BSD-3-Clause",
        size=102_540_417,
        sha256="11ad3fa62ca79e40addfd354a8ec4b7c75143b3038b8d2a807fbc68deab379ca",
        total=39438.5078,
    ),
    "supervised_resnet18": Published(
        f"{_TORCHVISION}/resnet18-f37072fd.pth",
        encoder="resnet18",
        keys=_WITH_CLASSIFIER,
        source=_FIRST_RECIPE,
        licence="BSD-3-Clause",
        size=46_830_571,
        sha256="f37072fd47e89c5e827621c5baffa7500819f7896bbacec160b1a16c560e07ec",
    ),
    "supervised_resnet34": Published(
        f"{_TORCHVISION}/resnet34-b627a593.pth",
        encoder="resnet34",
        keys=_WITH_CLASSIFIER,
        source=_FIRST_RECIPE,
        licence="BSD-3-Clause",
        sha256="b627a593",
    ),
    "barlow_twins": Published(
        f"{_META}/barlowtwins/ljng/resnet50.pth",
        encoder="resnet50",
        keys=_BARE,
        source="Barlow Twins, 1000 epochs, batch 2048 (Zbontar et al., ICML 2021).",
        licence="MIT",
        total=175864.4062,
    ),
    "vicreg": Published(
        f"{_META}/vicreg/resnet50.pth",
        encoder="resnet50",
        keys=_BARE,
        source=_VICREG,
        licence="MIT",
        size=94_345_885,
        sha256="c843e7652491ff2f712734619fd74d85e5e92ac902615665ad3fd50dc6ada591",
    ),
    "vicreg_resnet50x2": Published(
        f"{_META}/vicreg/resnet50x2.pth",
        encoder="resnet50x2",
        keys=_BARE,
        source=_VICREG,
        licence="MIT",
        sha256="65af82c4ad",
    ),
    "vicreg_resnet200x2": Published(
        f"{_META}/vicreg/resnet200x2.pth",
        encoder="resnet200x2",
        keys=_BARE,
        source=_VICREG,
        licence="MIT",
        sha256="b8eeaf14f5",
    ),
    "dino_vit_small": Published(
        f"{_META}/dino/dino_deitsmall16_pretrain/dino_deitsmall16_pretrain.pth",
        encoder="timm/vit_small_patch16_224.dino",
        keys="timm's, without a classifier",
        source="DINO, ViT-S/16, 800 epochs (Caron et al., ICCV 2021).",
        licence="Apache-2.0",
    ),
}
