"""What `twinlens push` is asked for."""

from dataclasses import KW_ONLY, dataclass
from pathlib import Path
from typing import ClassVar

from twinlens.requests.base import Request


@dataclass(frozen=True)
class PushRequest(Request):
    """Upload a model to the Hugging Face Hub.

    Attributes:
        model: Folder of a model: a run's model/, or a study's best/.
        repository: OWNER/NAME there; it is made if there is none.
        private: Make it readable for its owner alone.
        without_index: Leave out the index of the training images, with their ids and features.
    """

    COMMAND: ClassVar = "push"
    POSITIONAL: ClassVar = ("model", "repository")

    model: Path | str
    repository: str
    _: KW_ONLY
    private: bool = False
    without_index: bool = False
