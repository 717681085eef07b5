"""A step whose loss or gradient was not finite, kept so that it can be taken again."""

import math
from pathlib import Path

import torch
from torch import nn

from twinlens.engine.train_step import Step, TakeStep
from twinlens.errors import UserError
from twinlens.files import atomic_folder
from twinlens.models.tensor_files import read_tensors, save_tensors
from twinlens.records.base import Record

STEP = "step.json"
WEIGHTS = "weights.safetensors"


class FailedStep(Record):
    """Content of ``step.json``.

    Attributes:
        phase: Name of the phase.
        step: Number of the step in it.
        seed: Seed of the training, from which all that is random in the step is derived.
        lr: Learning rate.
        momentum: Momentum.
        loss: The loss as text, as JSON has no nan and no inf.
        gradient: Norm of the gradient, likewise.
        images: Ids of the images of the batch.
        device: Kind of device.
        precision: Lightning Fabric's name of the precision.
        torch: Version of torch.
    """

    phase: str
    step: int
    seed: int
    lr: float
    momentum: float
    loss: str
    gradient: str
    images: tuple[str, ...]
    device: str
    precision: str
    torch: str = torch.__version__


def failed_folder(work: Path) -> Path:
    """Return where the failed step of a run is kept: beside its folder, which may go."""
    return work.with_name(work.name.removesuffix(".partial") + ".nan")


def keep_failed_step(work: Path, module: nn.Module, record: FailedStep) -> Path:
    """Write a failed step, and the weights before it; an earlier one is replaced.

    A step that fails is not taken, so the weights are those before it. The running statistics of
    BatchNorm are those that the step left; in training mode it does not read them. On a GPU up to
    `step_log.FETCH_EVERY` steps were begun before the failure was seen: those after it change no
    weight either, but these statistics, and a teacher.

    Args:
        work: Work folder of the run.
        module: What is trained.
        record: The step.

    Returns:
        The folder.
    """
    folder = failed_folder(work)
    with atomic_folder(folder, marker=STEP, overwrite=True) as new:
        state = {name: tensor.detach().clone() for name, tensor in module.state_dict().items()}
        save_tensors(new / WEIGHTS, state)
        record.write(new / STEP)
    return folder


def refusal(work: Path, record: FailedStep) -> UserError:
    """Return the error that ends a training with a step that failed."""
    what = "gradient" if math.isfinite(float(record.loss)) else "loss"
    return UserError(
        f"The {what} became {getattr(record, what)} at step {record.step} of phase "
        f"'{record.phase}' (learning rate {record.lr:.2g}): try a lower learning rate or precision "
        "fp32 (--overwrite). If it had another cause, --resume once that is mended. "
        f"{failed_folder(work)} holds the batch, and the weights before it."
    )


def replay(folder: Path, module: nn.Module, take_step: TakeStep) -> Step:
    """Take a failed step again, from the weights before it.

    Args:
        folder: What `keep_failed_step` has written.
        module: As it was trained; its weights are replaced.
        take_step: From `make_train_step`, of this module, the phase and the seed.

    Raises:
        UserError: The folder is damaged or incomplete.
    """
    record = FailedStep.read(folder / STEP)
    module.load_state_dict(read_tensors(folder / WEIGHTS))
    return take_step(record.step, record.lr, record.momentum).fetch()
