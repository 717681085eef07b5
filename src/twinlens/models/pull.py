"""Models of the Hugging Face Hub, as `twinlens push` uploads them."""

from pathlib import Path

from twinlens.errors import UserError, require
from twinlens.models.bundle import INDEX, INFO, TENSORS
from twinlens.models.card import CARD
from twinlens.models.ensemble import ENSEMBLE

_HUB = "hf-hub:"
_FILES = (INFO, ENSEMBLE, TENSORS, INDEX, CARD)
PATTERNS = [*_FILES, *(f"members/*/{name}" for name in _FILES)]
"""The files of a model below its folder."""


def local_model(model: Path | str) -> Path:
    """Return the folder of a model; one of the hub is downloaded to its client's cache.

    Args:
        model: A folder, or ``hf-hub:OWNER/NAME``, also with ``@REVISION``.

    Raises:
        UserError: It cannot be downloaded, and is not in the cache.
    """
    name = str(model)
    if not name.startswith(_HUB):
        return Path(model)
    hub = require("huggingface_hub", extra="hub")
    repository, _, revision = name.removeprefix(_HUB).partition("@")
    try:
        return Path(
            hub.snapshot_download(repository, revision=revision or None, allow_patterns=PATTERNS)
        )
    except Exception as error:  # of the client, its connection, or the hub
        reason = str(error).strip().partition("\n")[0].rstrip(".") or type(error).__name__
        raise UserError(f"{name} could not be downloaded: {reason}.") from error
