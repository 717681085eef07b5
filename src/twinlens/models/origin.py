"""Where the weights of a file come from, as far as its header says."""

from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Json
from safetensors import safe_open

from twinlens.config import parse
from twinlens.types import RGB


class Origin(BaseModel):
    """What the header of an encoder that was pretrained here says; other keys are kept as text.

    Attributes:
        transductive: Whether a pretraining saw validation and test images.
        data_hash: Of the data set that it was pretrained on.
        split_hash: Of the split.
        mean: Normalisation that it was trained with; older files do not say it.
        std: Likewise.
        origin: The same of the file that it started from, if that says it.
    """

    model_config = ConfigDict(extra="allow", frozen=True)

    transductive: bool
    data_hash: str
    split_hash: str
    mean: Json[RGB] | None = None
    std: Json[RGB] | None = None
    origin: Json[dict[str, Any]] | None = None


def read_origin(path: Path) -> Origin | None:
    """Read the header of a weight file.

    Returns:
        None if it is not the file of a pretraining.

    Raises:
        UserError: The header says that it is one, but lacks something or is damaged.
    """
    if path.suffix != ".safetensors":
        return None
    with safe_open(path, "pt") as file:
        header = file.metadata() or {}
    return parse(Origin, header, where=f"The header of {path}") if "twinlens" in header else None
