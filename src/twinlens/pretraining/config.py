"""What can be chosen for a pretraining, and the presets."""

from typing import Any, Literal

from pydantic import Field, NonNegativeFloat, NonNegativeInt, PositiveFloat, PositiveInt

from twinlens.config import Config
from twinlens.training.device import Precision


class Pretraining(Config):
    """Numbers of a self-supervised pretraining (protocol: section 3.3 and Table 7 of the paper).

    Attributes:
        method: A name in `METHODS`.
        epochs: Epochs of one-cycle training; 0 leaves the encoder as it was.
        batch_size: Images a step; each gives two views. A last partial batch is dropped.
        projector: Output dimensions of the projector's layers.
        projector_bias: Whether they have a bias.
        lambda_: Weight of the redundancy term, written `lambda` in files; null for 1/d.
        eps: Added to the variance where embeddings are standardised.
        joint_forward: Both views pass the network as one batch, sharing BatchNorm's statistics.
        views: A name in `views.recipes.PAIRS`.
        view_changes: Numbers of `ViewRecipe` that differ from it, in both views.
        projector_epochs: Epochs for the projector alone, the encoder frozen.
        projector_lr: Constant learning rate of those epochs.
        frozen_batchnorm: Whether BatchNorm keeps its statistics while the encoder is frozen.
        lr: Maximum learning rate, or "valley" for the learning-rate finder.
        fallback_lr: Rate to take where the finder's curve says nothing.
        weight_decay: Decoupled; biases and norms are spared.
        normalise: Whether images are normalised as the encoder's weights expect.
        precision: "fp32", "bf16" or "auto" (bf16 where the processor has it).
    """

    method: str = "barlow_twins"
    epochs: NonNegativeInt = 40
    batch_size: int = Field(256, ge=2)
    projector: tuple[PositiveInt, ...] = Field((1024, 1024, 1024), min_length=1)
    projector_bias: bool = False
    lambda_: PositiveFloat | None = Field(0.0051, alias="lambda")
    eps: NonNegativeFloat = 1e-5
    joint_forward: bool = False
    views: str = "robust"
    view_changes: dict[str, Any] = Field(default={})
    projector_epochs: NonNegativeInt = 1
    projector_lr: PositiveFloat = 1e-3
    frozen_batchnorm: bool = True
    lr: PositiveFloat | Literal["valley"] = "valley"
    fallback_lr: PositiveFloat = 1e-3
    weight_decay: NonNegativeFloat = 0.01
    normalise: bool = True
    precision: Precision = "auto"


_PAPER: dict[str, Any] = {
    "epochs": 100,
    "batch_size": 128,
    "projector": (8192, 8192, 8192),
    "lambda": None,
    "views": "paper",
    "weight_decay": 0.0,
    "normalise": False,
}

PRESETS: dict[str, dict[str, Any]] = {
    "robust": {},
    "paper": _PAPER,
    "paper-code": _PAPER
    | {
        "projector_bias": True,
        "eps": 0.0,
        "joint_forward": True,
        "views": "paper-code",
        "frozen_batchnorm": False,
        "weight_decay": 0.01,
        "precision": "fp32",
    },
}
