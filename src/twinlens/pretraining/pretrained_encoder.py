"""The encoder that a pretraining run has stored."""

from pathlib import Path
from typing import Any

from twinlens.engine.run_folder import read_run
from twinlens.errors import UserError
from twinlens.models.encoders import Encoder, build_encoder
from twinlens.models.weights import load_weights
from twinlens.records.weights import InitialWeights

ENCODER = "encoder.safetensors"
"""The file of a pretrained encoder."""


def pretrained_encoder(folder: Path) -> tuple[Encoder, InitialWeights, dict[str, Any]]:
    """Load the encoder of a pretraining run, normalisation included.

    Returns:
        The encoder, its weights under the name of those that the run started from, and the run's
        record.

    Raises:
        UserError: The folder is no finished pretraining run.
    """
    run = read_pretraining(folder)
    encoder = build_encoder(run["config"]["encoder"], seed=0)
    weights = load_weights(encoder, folder / ENCODER)
    return encoder, weights.model_copy(update={"name": run["weights"]["name"]}), run


def read_pretraining(folder: Path) -> dict[str, Any]:
    """Read the record of a pretraining run.

    Raises:
        UserError: The folder is no finished pretraining run.
    """
    run = read_run(folder)
    if run["kind"] != "pretrain":
        raise UserError(f"--pretrained {folder} is a '{run['kind']}' run: name a pretraining run.")
    return run
