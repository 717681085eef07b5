"""Settings of a training, and the presets."""

from collections.abc import Mapping
from math import ceil
from typing import Annotated, Any, Literal

from pydantic import (
    Field,
    NonNegativeFloat,
    NonNegativeInt,
    PositiveFloat,
    PositiveInt,
    model_validator,
)

from twinlens.config import Config, from_preset
from twinlens.types import Precision


class FineTuning(Config):
    """Settings of a training (protocol: sections 3.2 and 3.3 of the paper).

    Attributes:
        tuning: "head_then_full": train the head on the frozen encoder, then unfreeze it; "full":
            train both from the start; "linear_probe": fit a logistic regression to the features
            of the frozen encoder.
        trainable: What is trained of the encoder: "all"; "norm": its normalisation layers; "last":
            these and its last block; "lora": low-rank adapters of a transformer's attention.
        lora_rank: Rank of the adapters.
        head: "linear", or "mlp": fully connected layers of 4096, 1000, 512 and the classes.
        head_init: "random", or "probe": the logistic regression on the frozen encoder's features
            takes the place of the head's own epochs (LP-FT, arXiv 2202.10054). BatchNorm's
            statistics are those of the training images then, unless `fixed_statistics`.
        epochs: Epochs of one-cycle training, where all labels are used.
        min_steps: Steps of one-cycle training that a label fraction gets at least, by more epochs;
            but no more than all labels get in theirs.
        batch_size: Images per step; an incomplete last batch is dropped.
        views: A name in `views.recipes.RECIPES`, for training and for test-time augmentation.
        view_changes: Fields of `ViewRecipe` that differ from that recipe, and from FixMatch's
            strong one.
        head_epochs: Epochs that train the head alone, with the encoder frozen.
        head_lr: Constant learning rate of those epochs.
        frozen_batchnorm: Whether BatchNorm keeps its statistics while the encoder is frozen.
        lr: Maximum learning rate, or "valley" for the learning-rate finder.
        fallback_lr: Learning rate where the finder's curve gives none.
        encoder_lr: Learning rate of the encoder over that of the head.
        layer_decay: Factor of the learning rate from each block of the encoder to the one before.
        fixed_statistics: Whether BatchNorm keeps the encoder's statistics throughout.
        weight_decay: Decoupled weight decay; biases and normalisation layers have none.
        normalise: Whether images are normalised as the encoder's weights expect.
        tta: Number of views that test-time augmentation averages; 1 for none.
        tta_clean: Whether the first of them is the image itself.
        class_balance: "none": every image has the same weight; "loss": classes are weighted by the
            inverse of their frequency; "sampler": classes are equally likely in a batch, so that
            images of rare classes are repeated, in new views; "effective_number": weights between
            none and those of "loss" (arXiv 1901.05555); "logit_adjustment": the loss adds the log
            of a class's frequency to its logit (arXiv 2007.07314). For a probe see
            `probe_balanced`.
        label_smoothing: Share of each label that is spread evenly over all classes.
        mixup: Alpha of MixUp's Beta distribution (arXiv 1710.09412); 0 for no MixUp.
        cutmix: Likewise of CutMix (arXiv 1905.04899); with both, a batch takes one at random.
        drop_path: Stochastic depth: how often the last block of the encoder is left out.
        ema: Decay of the moving average of the weights, which is what is kept; 0 for none.
        wise_ft: Share of the trained weights in what is kept; the rest is the weights that full
            training started from (arXiv 2109.01903). 1 for the trained weights.
        semi: How unlabelled images are used in full training: "none"; "fixmatch": strong views
            learn from what weak views are sure of (arXiv 2001.07685); "pseudo_label": an ensemble
            of `semi_members` labels what it agrees on, for a last training.
        semi_threshold: Confidence that a pseudo-label needs; for FixMatch also "adaptive", by
            class and rising with the training (arXiv 2205.07246).
        semi_weight: Weight of the unlabelled images in FixMatch.
        semi_ratio: Unlabelled images a step for each labelled one, in FixMatch.
        semi_members: Networks of the ensemble that gives pseudo-labels.
        semi_rounds: How often an ensemble is trained, the next time with the pseudo-labels so far.
        image_size: Side of the images in pixels, at most the data set's; null for the data set's.
        progressive_from: Side of the views at the beginning of full training, from which they grow
            in four stages (arXiv 2104.00298); null for full size throughout.
        probe_c: Inverse strength of the logistic regression's L2 penalty.
        probe_balanced: Whether the probe weights classes by the inverse of their frequency.
        precision: "fp32", "bf16" or "auto" (bf16 where the processor has it).
        classes: Train on these classes only, see `data.class_subset`; null for all.
    """

    tuning: Literal["linear_probe", "head_then_full", "full"] = "head_then_full"
    trainable: Literal["all", "norm", "last", "lora"] = "all"
    lora_rank: PositiveInt = 8
    head: Literal["linear", "mlp"] = "linear"
    head_init: Literal["random", "probe"] = "random"
    epochs: PositiveInt = 40
    min_steps: NonNegativeInt = 300
    batch_size: int = Field(64, ge=2)
    views: str = "recommended"
    view_changes: dict[str, Any] = Field(default={})
    head_epochs: NonNegativeInt = 1
    head_lr: PositiveFloat = 1e-3
    frozen_batchnorm: bool = True
    lr: PositiveFloat | Literal["valley"] = "valley"
    fallback_lr: PositiveFloat = 1e-3
    encoder_lr: PositiveFloat = 1.0
    layer_decay: float = Field(1.0, gt=0, le=1)
    fixed_statistics: bool = False
    weight_decay: NonNegativeFloat = 0.01
    normalise: bool = True
    tta: PositiveInt = 3
    tta_clean: bool = True
    class_balance: Literal["none", "loss", "sampler", "effective_number", "logit_adjustment"] = (
        "none"
    )
    label_smoothing: float = Field(0.0, ge=0, lt=1)
    mixup: NonNegativeFloat = 0.0
    cutmix: NonNegativeFloat = 0.0
    drop_path: float = Field(0.0, ge=0, lt=1)
    ema: float = Field(0.0, ge=0, lt=1)
    wise_ft: float = Field(1.0, ge=0, le=1)
    semi: Literal["none", "fixmatch", "pseudo_label"] = "none"
    semi_threshold: Annotated[float, Field(gt=0, le=1)] | Literal["adaptive"] = 0.95
    semi_weight: NonNegativeFloat = 1.0
    semi_ratio: PositiveInt = 2
    semi_members: PositiveInt = 3
    semi_rounds: PositiveInt = 1
    image_size: PositiveInt | None = None
    progressive_from: PositiveInt | None = None
    probe_c: PositiveFloat = 0.1
    probe_balanced: bool = True
    precision: Precision = "auto"
    classes: list[str] | None = None

    @model_validator(mode="after")
    def _probe_is_linear(self) -> "FineTuning":
        if self.tuning == "linear_probe" and self.head != "linear":
            raise ValueError(
                "a linear probe is a logistic regression, so set 'head' to linear, or 'tuning' to "
                "head_then_full or full"
            )
        if self.head_init == "probe" and self.head != "linear":
            raise ValueError(
                "'head_init: probe' starts from a logistic regression, so set 'head' to linear, or "
                "'head_init' to random"
            )
        if self.semi == "pseudo_label" and self.semi_threshold == "adaptive":
            raise ValueError(
                "only FixMatch adapts 'semi_threshold': give a number, or set 'semi' to fixmatch"
            )
        if self.semi == "fixmatch" and self.views == "strong":
            raise ValueError(
                "FixMatch draws strong views beside those of 'views', which must be weaker: leave "
                "'views' out"
            )
        if self.semi != "none" and self.classes:
            raise ValueError(
                "'semi' would give images of other classes a label among 'classes': leave out one "
                "of them, or import the images of these classes alone"
            )
        return self

    def steps_per_epoch(self, images: int, labelled: int) -> int:
        """Return the steps of an epoch, in which images come again where `min_steps` asks for it.

        Args:
            images: Number of images of the label fraction.
            labelled: Number of all labelled training images.
        """
        least = min(ceil(self.min_steps / self.epochs), labelled // self.batch_size)
        return max(images // self.batch_size, least)


_PAPER: dict[str, Any] = {
    "min_steps": 0,
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


def configure_training(
    preset: str, settings: Mapping[str, Any], *, where: str = "Settings of the training"
) -> FineTuning:
    """Return the settings of a training: a preset's, and those that differ from it.

    Args:
        preset: A name in `PRESETS`.
        settings: What differs from the preset.
        where: File or option that the settings came from, for the error.

    Raises:
        UserError: The preset or a setting is unknown, or a value is wrong.
    """
    return from_preset(FineTuning, PRESETS, preset, settings, where=where)
