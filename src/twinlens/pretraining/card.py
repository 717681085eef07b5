"""The card of a pretrained encoder, from the template `card.md`, and the header of its file."""

from collections.abc import Sequence
from pathlib import Path

from twinlens.files import write_text
from twinlens.models.card import CARD, render
from twinlens.models.published import WEIGHTS
from twinlens.pretraining.images import IMAGES
from twinlens.pretraining.methods import METHODS
from twinlens.pretraining.monitor import MONITOR
from twinlens.records.monitor import MonitorRecord
from twinlens.records.run import PretrainRun
from twinlens.records.weights import EncoderHeader, TrainedOn

_MEASURES = {
    "linear_probe": "linear probe, balanced accuracy",
    "knn_probe": "kNN probe, balanced accuracy",
    "feature_rank": "effective rank of the features",
    "feature_dispersion": "relative dispersion of the features (0: all images have the same)",
}


def metadata(record: PretrainRun, history: Sequence[TrainedOn]) -> dict[str, str]:
    """Return the header of encoder.safetensors.

    Args:
        record: The run.
        history: What the weights were trained on, this pretraining first.
    """
    header = EncoderHeader(
        version=record.environment.packages["twinlens"],
        encoder=record.encoder,
        method=record.settings.method,
        epochs=record.settings.epochs,
        kept=record.kept,
        stopped=record.stopped,
        images=record.images,
        normalisation=record.normalisation,
        origin=record.initial_weights.origin,
        history=tuple(history),
    )
    return {"twinlens": header.model_dump_json()}


def write_card(folder: Path, record: PretrainRun) -> None:
    """Write README.md: for people, with a header that Hugging Face reads.

    It names no path of this machine, because it is passed on with the encoder.

    Args:
        folder: The run's folder; its monitor.json has the numbers before and after.
        record: The run.
    """
    text = render(
        __package__,
        "card.md",
        record=record,
        method=METHODS[record.settings.method],
        initial=record.initial_weights,
        weights=WEIGHTS.get(record.initial_weights.name),
        choice=IMAGES[record.request.images],
        monitor=MonitorRecord.read(folder / MONITOR),
        measures=_MEASURES,
    )
    write_text(folder / CARD, text)
