"""What is searched: the ranges and choices of a study file, checked, or a default."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, cast

from twinlens.errors import UserError, require
from twinlens.settings.search import Candidates, Choices, Range, SearchSpace, Value
from twinlens.study.planning.arm import refuse_common
from twinlens.study.planning.config import Study

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution

_HOLDERS = ("train", "pretrain")
_PROBE: SearchSpace = {
    "train.probe_c": Range(low=1e-3, high=10.0, log=True),
    "train.probe_balanced": Choices((False, True)),
}


def search_space(study: Study, arm: str, images: int) -> SearchSpace:
    """Return what is searched for an arm: its own `search`, the study's, or a default.

    Args:
        study: The study.
        arm: Name of the arm.
        images: Number of training images of the smallest fold, which hold a batch.

    Raises:
        UserError: A setting is unknown, or a value is none that it can have.
    """
    space = study.arms[arm].search or study.search
    if not space:
        return default_space(study, arm, images)
    checked = {key: _checked(study, arm, key, candidates) for key, candidates in space.items()}
    batches = checked.get("train.batch_size")
    values = batches.root if isinstance(batches, Choices) else [batches.high] if batches else []
    if too_large := [size for size in values if isinstance(size, int) and size > images]:
        raise UserError(
            f"The search cannot try train.batch_size: {max(too_large)}. A fold has {images} "
            "training images."
        )
    return checked


def default_space(study: Study, arm: str, images: int) -> SearchSpace:
    """Return the settings of a training that usually matter most; of a probe, its two.

    How much of the encoder is kept is searched where it does not start from random weights.
    """
    training = study.training(arm)
    if training.tuning == "linear_probe":
        return _PROBE
    epochs = sorted({max(1, training.epochs // 2), training.epochs, 2 * training.epochs})
    batches = [size for size in (16, 32, 64) if size <= images]
    space: SearchSpace = {
        "train.lr": Range(low=1e-4, high=1e-2, log=True),
        "train.epochs": Choices(tuple(epochs)),
        "train.weight_decay": Range(low=1e-3, high=0.3, log=True),
        "train.class_balance": Choices(("none", "loss", "sampler", "logit_adjustment")),
        "train.label_smoothing": Range(low=0.0, high=0.2),
        "train.mixup": Choices((0.0, 0.2)),
        "train.ema": Choices((0.0, 0.99)),
    }
    if len(batches) > 1:
        space["train.batch_size"] = Choices(tuple(batches))
    if study.arms[arm].weights != "random" or study.arms[arm].pretrain is not None:
        space["train.layer_decay"] = Choices((0.7, 0.85, 1.0))
        if training.head == "linear" and training.tuning == "head_then_full":
            space["train.head_init"] = Choices(("random", "probe"))
    return space


def with_values(study: Study, arm: str, values: Mapping[str, Value]) -> Study:
    """Return a study whose arm has other values of some settings, such as ``train.lr``.

    Raises:
        UserError: The settings cannot have these values, at all or together.
    """
    own = study.arms[arm]
    holders = {holder: _copy(getattr(own, holder)) for holder in _HOLDERS}
    common = {"train": study.train, "pretrain": study.pretrain}
    for key, value in values.items():
        holder, *parents, last = key.split(".")
        node, shared = holders[holder], common[holder]
        for name in parents:  # settings of settings: those of the study are no longer merged
            node[name] = _copy(node.get(name, shared.get(name)))
            node, shared = node[name], {}
        node[last] = value
    given = {name: held for name, held in holders.items() if held}
    changed = study.model_copy(
        update={"arms": {**study.arms, arm: own.model_copy(update=given)}},
    )
    changed.training(arm)
    changed.pretraining(arm)
    return changed


def distributions(space: SearchSpace) -> dict[str, "BaseDistribution"]:
    """Return a search space as Optuna has it."""
    return {key: _distribution(candidates) for key, candidates in space.items()}


def _distribution(candidates: Candidates) -> "BaseDistribution":
    kinds: Any = require("optuna.distributions", extra="tune")
    if isinstance(candidates, Choices):
        made = kinds.CategoricalDistribution(candidates.root)
    elif isinstance(candidates.low, int) and isinstance(candidates.high, int):
        step = int(candidates.step or 1)
        made = kinds.IntDistribution(candidates.low, candidates.high, candidates.log, step)
    else:
        how = {"log": candidates.log, "step": candidates.step}
        made = kinds.FloatDistribution(candidates.low, candidates.high, **how)
    return cast("BaseDistribution", made)


def _checked(study: Study, arm: str, key: str, candidates: Candidates) -> Candidates:
    """Return candidates whose ends are whole numbers if the setting's values are, else floats."""
    holder, dot, name = key.partition(".")
    if holder not in _HOLDERS or not dot:
        raise UserError(
            f"The search of the arm '{arm}' names '{key}': write the setting as train.NAME or "
            "pretrain.NAME, such as train.lr."
        )
    if holder == "pretrain" and study.arms[arm].pretrain is None:
        raise UserError(
            f"The search of the arm '{arm}' names '{key}', but the arm has no pretraining: add "
            "'pretrain: {}' to it, or leave the setting out."
        )
    try:
        refuse_common({name: candidates})
    except ValueError as error:
        raise UserError(f"The search cannot try {key}: {error}.") from error
    if isinstance(candidates, Choices):
        for value in candidates.root:
            _try(study, arm, key, value)
        return candidates
    for value in (candidates.low, candidates.high):
        _try(study, arm, key, value)
    whole = isinstance(candidates.low, int) and isinstance(candidates.high, int)
    if whole and not _is_possible(study, arm, key, candidates.low + 0.5):
        return candidates
    ends = {"low": float(candidates.low), "high": float(candidates.high)}
    return candidates.model_copy(update=ends)


def _try(study: Study, arm: str, key: str, value: Value) -> None:
    try:
        with_values(study, arm, {key: value})
    except UserError as error:
        raise UserError(f"The search cannot try {key}: {value}. {error}") from error


def _is_possible(study: Study, arm: str, key: str, value: Value) -> bool:
    try:
        with_values(study, arm, {key: value})
    except UserError:
        return False
    return True


def _copy(held: object) -> dict[str, Any]:
    """Return a mapping that may be changed, and so may those that it holds; else an empty one."""
    if not isinstance(held, Mapping):
        return {}
    return {
        key: _copy(value) if isinstance(value, Mapping) else value for key, value in held.items()
    }
