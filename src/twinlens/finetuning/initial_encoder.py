"""The encoder that a training starts from: random, a file's, or a pretraining run's."""

from pathlib import Path

from twinlens.console import say
from twinlens.data.dataset import Dataset
from twinlens.data.provenance import refuse_other_split, transductive
from twinlens.data.splits import Split
from twinlens.errors import UserError
from twinlens.finetuning.image_sizes import STAGES, progressive_sizes
from twinlens.models.encoders import NOT_NORMALISED, Encoder, build_encoder, check_size
from twinlens.models.weights import default_encoder, load_weights
from twinlens.pretraining.pretrained_encoder import pretrained_encoder
from twinlens.pretraining.seen_images import look_for_seen
from twinlens.records.run import PretrainRun
from twinlens.records.weights import InitialWeights
from twinlens.settings.finetuning import FineTuning


def starting_encoder(
    name: str | None,
    weights: str,
    pretrained: Path | str | None,
    *,
    data: Dataset,
    split: Split,
    config: FineTuning,
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
        config: Settings of the training; `normalise`, `drop_path` and the sizes of the images.
        seed: Of random weights.

    Returns:
        The encoder, its weights, and the pretraining run, if there is one.

    Raises:
        UserError: The run is no pretraining, name or weights contradict it, the encoder cannot
            take images of this size or would resize those that are to grow, those of the data set
            are smaller, or the pretraining was on another split.
    """
    side = config.image_size or data.size
    if side > data.size:
        raise UserError(
            f"image_size {side} is larger than the {data.size} pixels of {data.path}: import the "
            f"images with --size {side}, or leave image_size out."
        )
    if pretrained is None:
        name = name or default_encoder(weights)
        encoder = build_encoder(name, seed, drop_path=config.drop_path)
        initial, run = load_weights(encoder, weights), None
    else:
        encoder, initial, run = pretrained_encoder(Path(pretrained), drop_path=config.drop_path)
        if weights != "random" or name not in (None, encoder.name):
            raise UserError(
                f"--pretrained {pretrained} is a pretraining of the encoder {encoder.name}: name "
                "it without --weights, and that encoder or none."
            )
    if config.progressive_from and encoder.side:
        raise UserError(
            f"The encoder {encoder.name} resizes every image to {encoder.side} pixels, so "
            "progressive_from changes nothing: leave it out, or name the encoder without a side."
        )
    for size in sorted({*progressive_sizes(config.progressive_from, side, STAGES)}):
        check_size(encoder, size)
    refuse_other_split(data, split, initial.history, what=str(pretrained or weights))
    folder = Path(weights).parent if pretrained is None else Path(pretrained)
    initial = look_for_seen(initial, folder, data, split)
    if notice := transductive(initial.history):
        say(notice)
    if not config.normalise:
        encoder.mean, encoder.std = NOT_NORMALISED
    return encoder, initial, run
