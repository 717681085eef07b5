"""What can be chosen for a fine-tuning, and the presets."""

from typing import Any, Literal

from pydantic import (
    Field,
    NonNegativeFloat,
    NonNegativeInt,
    PositiveFloat,
    PositiveInt,
    model_validator,
)

from twinlens.config import Config
from twinlens.engine.device import Precision


class FineTuning(Config):
    """Numbers of a fine-tuning (protocol: section 3.2 and 3.3 of the paper).

    Attributes:
        tuning: "fine_tune": head first, then everything; "full": everything from the start;
            "probe": a logistic regression on the features of the frozen encoder.
        head: "linear", or "mlp": fully connected layers of 4096, 1000, 512 and the classes.
        epochs: Epochs of one-cycle training.
        batch_size: Images a step; a last partial batch is dropped.
        views: A name in `views.recipes.RECIPES`, for training and for test-time augmentation.
        view_changes: Numbers of `ViewRecipe` that differ from it.
        head_epochs: Epochs for the head alone, the encoder frozen.
        head_lr: Constant learning rate of those epochs.
        frozen_batchnorm: Whether BatchNorm keeps its statistics while the encoder is frozen.
        lr: Maximum learning rate, or "valley" for the learning-rate finder.
        fallback_lr: Rate to take where the finder's curve says nothing.
        weight_decay: Decoupled; biases and norms are spared.
        normalise: Whether images are normalised as the encoder's weights expect.
        tta: Number of views that test-time augmentation averages; 1 for none.
        tta_clean: Whether the first of them is the image itself.
        class_balance: "none": every image counts alike; "loss": classes are weighted by the inverse
            of their frequency; "sampler": batches in which classes are equally likely, images of
            rare ones several times, in other views. For a probe see `probe_balanced`.
        probe_c: Inverse strength of the logistic regression's L2 penalty.
        probe_balanced: Whether the probe weights classes by the inverse of their frequency.
        precision: "fp32", "bf16" or "auto" (bf16 where the processor has it).
        classes: A task of these classes alone, see `data.selection`; null for all.
    """

    tuning: Literal["probe", "head_then_full", "full"] = "head_then_full"
    head: Literal["linear", "mlp"] = "linear"
    epochs: PositiveInt = 40
    batch_size: int = Field(64, ge=2)
    views: str = "recommended"
    view_changes: dict[str, Any] = Field(default={})
    head_epochs: NonNegativeInt = 1
    head_lr: PositiveFloat = 1e-3
    frozen_batchnorm: bool = True
    lr: PositiveFloat | Literal["valley"] = "valley"
    fallback_lr: PositiveFloat = 1e-3
    weight_decay: NonNegativeFloat = 0.01
    normalise: bool = True
    tta: PositiveInt = 3
    tta_clean: bool = True
    class_balance: Literal["none", "loss", "sampler"] = "none"
    probe_c: PositiveFloat = 0.1
    probe_balanced: bool = True
    precision: Precision = "auto"
    classes: list[str] | None = None

    @model_validator(mode="after")
    def _probe_is_linear(self) -> "FineTuning":
        if self.tuning == "probe" and self.head != "linear":
            raise ValueError(
                "a probe is a logistic regression, so set 'head' to linear, or 'tuning' to "
                "fine_tune or full"
            )
        return self

    def determining(self) -> dict[str, Any]:
        """Return the settings that a run's name stands for, as plain values.

        Head and classes count only where they are not the first choice, so that runs from before
        there was a choice keep their names.
        """
        first = {"head": "linear", "classes": None}
        spared = {key for key, value in first.items() if getattr(self, key) == value}
        return self.model_dump(mode="json", exclude=spared)


_PAPER: dict[str, Any] = {
    "views": "paper",
    "weight_decay": 0.0,
    "normalise": False,
    "tta_clean": False,
    "probe_balanced": False,
}

PRESETS: dict[str, dict[str, Any]] = {
    "recommended": {},
    "paper": _PAPER,
    "paper-code": _PAPER | {"views": "paper-code", "frozen_batchnorm": False, "precision": "fp32"},
}
