"""What `twinlens suggest` is asked for."""

from dataclasses import KW_ONLY, dataclass
from pathlib import Path
from typing import ClassVar

from twinlens.requests.base import Request


@dataclass(frozen=True)
class SuggestRequest(Request):
    """Suggest which images without a label to label next, one of each group.

    Attributes:
        source: Folder of a trained model or of a pretraining run, or an encoder, such as resnet18
            or timm/NAME.
        dataset: Folder made by `twinlens import`.
        out: CSV file to write.
        count: Number of images.
        method: How they are chosen; auto is uncertain_clusters with a trained model, and typiclust
            with an encoder alone.
        weights: Weights of an encoder: a name (twinlens weights list), or a .safetensors or .pth
            file.
        features: Folder that keeps an encoder's features, so that the next round is quick.
        seed: Everything random derives from it.
        device: auto, cpu, cuda or mps.
        overwrite: Replace the file.
    """

    COMMAND: ClassVar = "suggest"
    POSITIONAL: ClassVar = ("source", "dataset")

    source: Path | str
    dataset: Path | str
    _: KW_ONLY
    out: Path | str = Path("suggestions.csv")
    count: int = 50
    method: str = "auto"
    weights: str = "random"
    features: Path | None = None
    seed: int = 0
    device: str = "auto"
    overwrite: bool = False
