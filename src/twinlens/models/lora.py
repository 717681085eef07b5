"""Low-rank adapters on the attention of vision transformers: LoRA, Hu et al. 2021 (2106.09685)."""

from torch import nn

from twinlens.errors import UserError, require
from twinlens.models.encoders import Encoder

_ATTENTION = ("qkv", "q_proj", "k_proj", "v_proj", "proj")


def add_lora(encoder: Encoder, rank: int) -> None:
    """Add an adapter to every linear layer of the attention, and freeze everything else.

    W x becomes W x + B A x with A of shape (rank, in) and B of shape (out, rank). B begins at 0,
    so the encoder's features are unchanged at first. The scale alpha / rank is 1.

    Args:
        encoder: Changed in place; its state dict has other names until `merge_lora`.
        rank: Of the adapters.

    Raises:
        UserError: The encoder has no such layers, or peft is not installed.
    """
    targets = _attention_layers(encoder)
    if not targets:
        raise UserError(
            f"LoRA is for the attention of timm's vision transformers, and {encoder.name} has "
            "none: choose another encoder, or train 'last' or 'norm'."
        )
    peft = require("peft", extra="lora")
    config = peft.LoraConfig(r=rank, lora_alpha=rank, target_modules=targets)
    peft.inject_adapter_in_model(config, encoder)


def merge_lora(encoder: nn.Module) -> None:
    """Fold the adapters into the layers that they adapt: features stay, the state dict is plain.

    Args:
        encoder: Changed in place; without adapters it stays as it is.
    """
    for name, layer in list(encoder.named_modules()):
        if hasattr(layer, "lora_A"):
            layer.merge()
            parent, _, child = name.rpartition(".")
            setattr(encoder.get_submodule(parent), child, layer.get_base_layer())


def _attention_layers(encoder: Encoder) -> list[str]:
    """Return the names of the linear layers of the attention that their networks call.

    EVA and BEiT read the weight of `qkv` instead of calling it where they keep biases apart.
    """
    modules = dict(encoder.named_modules())
    names = []
    for name, module in modules.items():
        parent, _, child = name.rpartition(".")
        attention = "attention" in type(modules[parent]).__name__.lower() if parent else False
        bypassed = child == "qkv" and getattr(modules.get(parent), "q_bias", None) is not None
        if attention and child in _ATTENTION and isinstance(module, nn.Linear) and not bypassed:
            names.append(name)
    return names
