"""Which parameters of an encoder are trained: all of it, or few of them."""

from typing import Literal

from twinlens.models.encoders import Encoder
from twinlens.models.initialisation import seeded_initialisation
from twinlens.models.layers import layer_depths
from twinlens.models.lora import add_lora

Trainable = Literal["all", "norm", "last", "lora"]


def choose_trainable(encoder: Encoder, which: Trainable, *, rank: int = 8, seed: int) -> None:
    """Let only some parameters of an encoder be trained; the others need no gradient.

    Args:
        encoder: Changed in place.
        which: "all"; "norm": scale and shift of the normalisation layers; "last": these and the
            last block; "lora": low-rank adapters, to be folded in by `merge_lora` after training.
        rank: Of the adapters.
        seed: The adapters' initial weights depend on it alone.

    Raises:
        UserError: The encoder has no attention for adapters, or peft is not installed.
    """
    if which == "lora":
        with seeded_initialisation(seed, "lora"):
            add_lora(encoder, rank)
        return
    chosen = _norm(encoder) | (_last(encoder) if which == "last" else set())
    for name, parameter in encoder.named_parameters():
        parameter.requires_grad_(which == "all" or name in chosen)


def _norm(encoder: Encoder) -> set[str]:
    return {
        f"{path}.{name}"
        for path, layer in encoder.named_modules()
        if "norm" in type(layer).__name__.lower()
        for name, _ in layer.named_parameters(recurse=False)
    }


def _last(encoder: Encoder) -> set[str]:
    """Return the parameters of the deepest block, and of what follows it."""
    depths = layer_depths(encoder)
    last = max(depths[name] for name, weight in encoder.named_parameters() if weight.ndim > 1)
    return {name for name, depth in depths.items() if depth >= last}
