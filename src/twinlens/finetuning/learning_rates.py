"""The learning rate of each parameter over the schedule's: lower in the encoder, and with depth."""

from twinlens.finetuning.classifier import Classifier
from twinlens.models.layers import layer_depths
from twinlens.settings.finetuning import FineTuning


def lr_scales(model: Classifier, config: FineTuning) -> dict[str, float]:
    """Return factors of the learning rate by parameter of a classifier; the head's is 1.

    A block of the encoder that has d blocks between itself and the head gets
    encoder_lr * layer_decay^(d + 1) (Clark et al. 2020, arXiv 2003.10555; BEiT, 2106.08254).

    Args:
        model: The classifier.
        config: Its `encoder_lr` and `layer_decay`.
    """
    depths = layer_depths(model.encoder)
    above = max(depths.values()) + 1
    return {
        f"encoder.{name}": config.encoder_lr * config.layer_decay ** (above - depth)
        for name, depth in depths.items()
    }
