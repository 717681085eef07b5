"""Frozen baselines of a study: published encoders as they are, below a logistic regression."""

from typing import Any

from pydantic import Field

from twinlens.config import Config
from twinlens.console import say
from twinlens.errors import UserError, unknown
from twinlens.models.encoders import build_encoder, check_size
from twinlens.models.published import WEIGHTS
from twinlens.models.weights import cached
from twinlens.study.planning.arm import Arm

SHARED_SETTINGS = ("probe_c", "probe_balanced", "tta", "tta_clean", "views", "view_changes")
"""Settings of a study's `train` that hold for its baselines too; the others train encoders."""

_PROBE = {"tuning": "linear_probe", "normalise": True}


SIDE = 224
"""Side in pixels that published encoders get images resized to: their features of smaller ones are
weak, and it is the size at which most of them are published and compared."""


class Baseline(Config):
    """An encoder that is never trained: its features are classified by a logistic regression.

    Attributes:
        weights: A name that `twinlens weights list` shows, or a file of the encoder's weights.
        encoder: Such as resnet50 or timm/NAME; null for that of published weights, given images of
            `SIDE` pixels.
        name: As tables and figures show it; null for `weights`.
        train: Settings of the probe that differ, such as {probe_c: 1}.
    """

    weights: str
    encoder: str | None = None
    name: str | None = None
    train: dict[str, Any] = Field(default={})


def baseline_arm(entry: str | Baseline) -> tuple[str, Arm]:
    """Return the name of a baseline's arm, and the arm.

    Args:
        entry: A name in `WEIGHTS`, or a baseline.

    Raises:
        ValueError: The weights are no published ones, and no encoder is named for them.
    """
    baseline = Baseline(weights=entry) if isinstance(entry, str) else entry
    published = WEIGHTS.get(baseline.weights)
    if published is None and (isinstance(entry, str) or baseline.encoder is None):
        error = unknown("published weights", baseline.weights, WEIGHTS)
        raise ValueError(f"{error} For a file write {{encoder: NAME, weights: FILE}}.")
    encoder = baseline.encoder or (f"{published.encoder}:{SIDE}" if published else None)
    train = _PROBE | baseline.train
    arm = Arm(encoder=encoder, weights=baseline.weights, train=train)
    return f"{baseline.name or baseline.weights}, frozen", arm


def at_hand() -> list[str]:
    """List the published weights that are in the cache and whose encoder can be built."""
    found = [name for name in WEIGHTS if _is_here(name) and _can_be_built(name)]
    if not found:
        say(
            "No frozen baseline: no published weights are at hand. Name some, such as "
            "--set 'baselines=[dinov2_small]', and they are downloaded; 'twinlens weights list' "
            "shows all."
        )
    return found


def _is_here(name: str) -> bool:
    try:
        return cached(name).is_file()
    except UserError:  # the package that knows where is not installed
        return False


def _can_be_built(name: str) -> bool:
    try:
        check_size(build_encoder(f"{WEIGHTS[name].encoder}:{SIDE}", seed=0), SIDE)
    except UserError as error:
        say(f"'{name}' is left out of the frozen baselines: {error}")
        return False
    return True
