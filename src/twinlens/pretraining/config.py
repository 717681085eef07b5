"""What can be chosen for a pretraining, by method, and the presets."""

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import Field, NonNegativeFloat, NonNegativeInt, PositiveFloat, PositiveInt

from twinlens.config import Config, from_preset, keys
from twinlens.engine.device import Precision
from twinlens.errors import UserError, unknown


class Pretraining(Config):
    """Numbers of every self-supervised pretraining (section 3.3 and Table 7 of the paper).

    Attributes:
        method: A name in `SETTINGS`, which says what the method adds to these numbers.
        epochs: Epochs of one-cycle training; 0 leaves the encoder as it was.
        batch_size: Images a step; each gives two views. A last partial batch is dropped.
        projector: Output dimensions of the projector's layers.
        projector_bias: Whether they have a bias.
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
        moments: How often the monitor looks, evenly over all steps; 0 for never.
        probe_budget: Share of the labelled training images that its probes may use; a study
            gives its smallest label fraction.
        keep: The encoder of the "last" step, or of the moment with the "best_probe".
        patience: Stop after so many moments without a better probe; null for never.
        classes: A task of these classes alone, see `data.selection`; null for all.
    """

    method: str
    epochs: NonNegativeInt = 40
    batch_size: int = Field(256, ge=2)
    projector: tuple[PositiveInt, ...] = Field((1024, 1024, 1024), min_length=1)
    projector_bias: bool = False
    joint_forward: bool = False
    views: str = "recommended"
    view_changes: dict[str, Any] = Field(default={})
    projector_epochs: NonNegativeInt = 1
    projector_lr: PositiveFloat = 1e-3
    frozen_batchnorm: bool = True
    lr: PositiveFloat | Literal["valley"] = "valley"
    fallback_lr: PositiveFloat = 1e-3
    weight_decay: NonNegativeFloat = 0.01
    normalise: bool = True
    precision: Precision = "auto"
    moments: NonNegativeInt = 20
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

        Where the probe decides nothing, looking changes nothing.
        """
        spared = (
            set() if self.probe_decides else {"moments", "probe_label_fraction", "keep", "patience"}
        )
        spared |= set() if self.classes else {"classes"}
        return self.model_dump(by_alias=True, mode="json", exclude=spared)


class BarlowTwins(Pretraining):
    """Numbers of Barlow Twins.

    Attributes:
        lambda_: Weight of the redundancy term, written `lambda` in files; null for 1/d.
        eps: Added to the variance where embeddings are standardised.
    """

    method: Literal["barlow_twins"] = "barlow_twins"
    lambda_: PositiveFloat | None = Field(0.0051, alias="lambda")
    eps: NonNegativeFloat = 1e-5


class BYOL(Pretraining):
    """Numbers of BYOL, whose projector is two layers and narrow at the end.

    Attributes:
        predictor: Dimensions of the predictor's hidden layers; its output is the embedding's.
        teacher_momentum: Share of itself that the teacher keeps at a step, at the start; it
            rises to 1 along a cosine. The fewer the steps, the lower it should be.
    """

    method: Literal["byol"] = "byol"
    projector: tuple[PositiveInt, ...] = Field((1024, 256), min_length=1)
    predictor: tuple[PositiveInt, ...] = (1024,)
    teacher_momentum: float = Field(0.99, ge=0, lt=1)


class VICReg(Pretraining):
    """Numbers of VICReg: the weights of its terms."""

    method: Literal["vicreg"] = "vicreg"
    invariance: NonNegativeFloat = 25.0
    variance: NonNegativeFloat = 25.0
    covariance: NonNegativeFloat = 1.0


class SimCLR(Pretraining):
    """Numbers of SimCLR, whose projector is two layers and narrow at the end.

    Attributes:
        temperature: Divides the cosines; the lower, the more the nearest other images count.
    """

    method: Literal["simclr"] = "simclr"
    projector: tuple[PositiveInt, ...] = Field((1024, 128), min_length=1)
    temperature: PositiveFloat = 0.5


SETTINGS: dict[str, type[Pretraining]] = {
    "barlow_twins": BarlowTwins,
    "byol": BYOL,
    "simclr": SimCLR,
    "vicreg": VICReg,
}
"""What can be chosen for each method."""

_PAPER: dict[str, Any] = {
    "epochs": 100,
    "batch_size": 128,
    "views": "paper",
    "weight_decay": 0.0,
    "normalise": False,
}

_PAPER_CODE: dict[str, Any] = _PAPER | {
    "projector_bias": True,
    "joint_forward": True,
    "views": "paper-code",
    "frozen_batchnorm": False,
    "weight_decay": 0.01,
    "precision": "fp32",
}

_WIDE: dict[str, Any] = {"projector": (8192, 8192, 8192)}

# The widths and the momentum of BYOL's article (section 3.3, appendix C.1).
_BYOL: dict[str, Any] = {
    "projector": (4096, 256),
    "predictor": (4096,),
    "teacher_momentum": 0.996,
}

PRESETS: dict[str, dict[str, dict[str, Any]]] = {
    "barlow_twins": {
        "recommended": {},
        "paper": _PAPER | _WIDE | {"lambda": None},
        "paper-code": _PAPER_CODE | _WIDE | {"lambda": None, "eps": 0.0},
    },
    "byol": {
        "recommended": {},
        "paper": _PAPER | _BYOL,
        "paper-code": _PAPER_CODE | _BYOL,
    },
    "simclr": {
        "recommended": {},
        "paper": _PAPER | {"projector": (2048, 128)},
        "paper-code": _PAPER_CODE | {"projector": (2048, 128)},
    },
    "vicreg": {"recommended": {}, "paper": _PAPER | _WIDE, "paper-code": _PAPER_CODE | _WIDE},
}
"""What differs from the defaults, by method and preset."""


def configure(preset: str, settings: Mapping[str, Any], *, where: str) -> Pretraining:
    """Return the numbers of a pretraining: its method's, a preset's, and some changed.

    Args:
        preset: "robust", "paper" or "paper-code".
        settings: What differs from the preset; "method" chooses the method.
        where: File or option that the settings came from, for the error.

    Raises:
        UserError: A name is unknown, a value wrong, or a setting belongs to another method.
    """
    method = str(settings.get("method", "barlow_twins"))
    if method not in SETTINGS:
        raise UserError(f"{where}: {unknown('method', method, SETTINGS)}")
    own = keys(SETTINGS[method])
    for other, model in SETTINGS.items():
        for key in settings:
            if key in keys(model) and key not in own:
                raise UserError(
                    f"{where}: '{key}' is a setting of the method {other}, not of {method}: "
                    f"leave it out, or choose method={other}."
                )
    return from_preset(SETTINGS[method], PRESETS[method], preset, settings, where=where)
