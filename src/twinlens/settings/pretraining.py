"""Settings that every self-supervised pretraining has, and the presets."""

from typing import Any, Literal

from pydantic import Field, NonNegativeFloat, NonNegativeInt, PositiveFloat, PositiveInt

from twinlens.config import Config
from twinlens.types import Precision


class Pretraining(Config):
    """Settings of a pretraining (section 3.3 and Table 7 of the paper).

    Each method adds its own (`pretraining.method.METHODS`).

    Attributes:
        method: A name in `METHODS`.
        epochs: Epochs of one-cycle training; 0 leaves the encoder as it was.
        batch_size: Images per step; each gives two or more views. An incomplete last batch is
            dropped.
        image_size: Side of the views in pixels, in training and in the monitor's evaluations; null
            for the data set's own. A smaller one is faster; fine-tuning may use a larger one.
        projector: Output dimensions of the projector's layers.
        projector_bias: Whether they have a bias.
        joint_forward: Whether views of one size form one batch, which shares BatchNorm's
            statistics.
        views: A name in `views.recipes.PAIRS`.
        pair: Both views show one "image"; or, as in MICLe, the second shows another image of its
            "group" (lesion or patient), where the pretraining sees one.
        view_changes: Fields of `ViewRecipe` that differ from it, in both views.
        projector_epochs: Epochs that train the projector alone, with the encoder frozen.
        projector_lr: Constant learning rate of those epochs.
        frozen_batchnorm: Whether BatchNorm keeps its statistics while the encoder is frozen.
        trainable: What is trained of the encoder: "all"; "norm": its normalisation layers; "last":
            these and its last block; "lora": low-rank adapters of a transformer's attention.
        lora_rank: Rank of the adapters.
        lr: Maximum learning rate, or "valley" for the learning-rate finder.
        fallback_lr: Learning rate where the finder's curve gives none.
        weight_decay: Decoupled weight decay; biases and normalisation layers have none.
        normalise: Whether images are normalised as the encoder's weights expect.
        precision: "fp32", "bf16" or "auto" (bf16 where the processor has it).
        monitor_points: Number of evaluations during training, at equal distances; 0 for none.
        probe_label_fraction: Share of the labelled training images that its probes may use; a study
            gives its smallest label fraction.
        keep: Keep the encoder of the "last" step, or of the evaluation with the "best_probe".
        patience: Stop after so many evaluations without a better probe; null for never.
        classes: Use images of these classes only, see `data.class_subset`; null for all.
    """

    method: str
    epochs: NonNegativeInt = 40
    batch_size: int = Field(256, ge=2)
    image_size: PositiveInt | None = None
    projector: tuple[PositiveInt, ...] = Field((1024, 1024, 1024), min_length=1)
    projector_bias: bool = False
    joint_forward: bool = False
    views: str = "recommended"
    pair: Literal["image", "group"] = "image"
    view_changes: dict[str, Any] = Field(default={})
    projector_epochs: NonNegativeInt = 1
    projector_lr: PositiveFloat = 1e-3
    frozen_batchnorm: bool = True
    trainable: Literal["all", "norm", "last", "lora"] = "all"
    lora_rank: PositiveInt = 8
    lr: PositiveFloat | Literal["valley"] = "valley"
    fallback_lr: PositiveFloat = 1e-3
    weight_decay: NonNegativeFloat = 0.01
    normalise: bool = True
    precision: Precision = "auto"
    monitor_points: NonNegativeInt = 20
    probe_label_fraction: float = Field(1.0, gt=0, le=1)
    keep: Literal["last", "best_probe"] = "last"
    patience: PositiveInt | None = None
    classes: list[str] | None = None

    @property
    def probe_decides(self) -> bool:
        """Whether the probe chooses the encoder or the end, so that there must be one."""
        return self.keep == "best_probe" or self.patience is not None

    def determining(self) -> dict[str, Any]:
        """Return the settings that the weights depend on, as plain values.

        Evaluations change nothing, unless the probe chooses the encoder or the end.
        """
        spared = (
            set()
            if self.probe_decides
            else {"monitor_points", "probe_label_fraction", "keep", "patience"}
        )
        spared |= {name for name in _SPARED if getattr(self, name) == _default(name)}
        return self.model_dump(by_alias=True, mode="json", exclude=spared)


_SPARED = ("classes", "image_size", "pair", "trainable", "lora_rank")
"""Settings that at their defaults say no more than runs did before there were these settings."""


def _default(name: str) -> Any:
    return Pretraining.model_fields[name].default


_PAPER: dict[str, Any] = {
    "epochs": 100,
    "batch_size": 128,
    "views": "paper",
    "weight_decay": 0.0,
    "normalise": False,
}

PRESETS: dict[str, dict[str, Any]] = {
    "recommended": {},
    "paper": _PAPER,
    "paper-code": _PAPER
    | {
        "projector_bias": True,
        "joint_forward": True,
        "views": "paper-code",
        "frozen_batchnorm": False,
        "weight_decay": 0.01,
        "precision": "fp32",
    },
}
"""What differs from the defaults, for every method; a method may add to it."""
