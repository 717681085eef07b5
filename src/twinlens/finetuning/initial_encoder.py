"""The encoder that a training starts from: random, a file's, or a pretraining run's."""

from pathlib import Path

from twinlens.console import say
from twinlens.data.dataset import Dataset
from twinlens.data.provenance import refuse_other_split, transductive
from twinlens.data.splits import Split
from twinlens.errors import UserError
from twinlens.models.encoders import NOT_NORMALISED, Encoder, build_encoder, check_size
from twinlens.models.weights import default_encoder, load_weights
from twinlens.pretraining.pretrained_encoder import pretrained_encoder
from twinlens.pretraining.seen_images import look_for_seen
from twinlens.records.run import PretrainRun
from twinlens.records.weights import InitialWeights


def starting_encoder(
    name: str | None,
    weights: str,
    pretrained: Path | str | None,
    *,
    data: Dataset,
    split: Split,
    normalise: bool,
    seed: int,
) -> tuple[Encoder, InitialWeights, PretrainRun | None]:
    """Build an encoder with its initial weights.

    Args:
        name: As `build_encoder` takes it; None for the pretraining run's, that of the published
            weights, or resnet50.
        weights: "random", "pretrained", a name in `WEIGHTS`, or a file.
        pretrained: Folder of a pretraining run, instead of `weights`.
        data: The data set to train on.
        split: Its split; no pretraining may have been on another one of the same images.
        normalise: Whether images are normalised as the weights expect.
        seed: Of random weights.

    Returns:
        The encoder, its weights, and the pretraining run, if there is one.

    Raises:
        UserError: The run is no pretraining, name or weights contradict it, the encoder cannot
            take images of this size, or the pretraining was on another split.
    """
    if pretrained is None:
        encoder = build_encoder(name or default_encoder(weights), seed)
        initial, run = load_weights(encoder, weights), None
    else:
        encoder, initial, run = pretrained_encoder(Path(pretrained))
        if weights != "random" or name not in (None, encoder.name):
            raise UserError(
                f"--pretrained {pretrained} is a pretraining of the encoder {encoder.name}: name "
                "it without --weights, and that encoder or none."
            )
    check_size(encoder, data.images.shape[1])
    refuse_other_split(data, split, initial.history, what=str(pretrained or weights))
    folder = Path(weights).parent if pretrained is None else Path(pretrained)
    initial = look_for_seen(initial, folder, data, split)
    if notice := transductive(initial.history):
        say(notice)
    if not normalise:
        encoder.mean, encoder.std = NOT_NORMALISED
    return encoder, initial, run
