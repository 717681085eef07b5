"""The encoder that a pretraining run has stored."""

from pathlib import Path

from twinlens.errors import UserError
from twinlens.models.encoders import Encoder, build_encoder
from twinlens.models.weights import load_weights
from twinlens.records.run import PretrainRun, read_run
from twinlens.records.weights import InitialWeights

ENCODER = "encoder.safetensors"
"""The file of a pretrained encoder."""


def pretrained_encoder(
    folder: Path, *, drop_path: float = 0.0
) -> tuple[Encoder, InitialWeights, PretrainRun]:
    """Load the encoder of a pretraining run, normalisation included.

    Args:
        folder: The run.
        drop_path: Stochastic depth of the encoder, see `build_encoder`.

    Returns:
        The encoder, its weights under the name of those that the run started from, and the run's
        record.

    Raises:
        UserError: The folder is no finished pretraining run.
    """
    run = read_pretraining(folder)
    encoder = build_encoder(run.request.encoder, seed=0, drop_path=drop_path)
    weights = load_weights(encoder, folder / ENCODER)
    return encoder, weights.model_copy(update={"name": run.initial_weights.name}), run


def read_pretraining(folder: Path) -> PretrainRun:
    """Read the record of a pretraining run.

    Raises:
        UserError: The folder is no finished pretraining run.
    """
    run = read_run(folder)
    if not isinstance(run, PretrainRun):
        raise UserError(f"--pretrained {folder} is a '{run.kind}' run: name a pretraining run.")
    return run
