"""What the training loop is given: a phase, with its schedule, its optimiser and its loss."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from torch import Tensor, nn
from torch.optim import Optimizer

from twinlens.engine.one_cycle import Schedule

Loss = Callable[[nn.Module, int], tuple[Tensor, dict[str, Tensor]]]
"""Function of (module, step) that returns the loss of that step's batch, and its terms."""


@dataclass(frozen=True)
class Phase:
    """A part of a training with one optimiser and one schedule.

    Attributes:
        name: Unique among the phases of a training.
        schedule: Learning rate and momentum of each step.
        optimizer: Holds the parameters that this phase trains.
        loss: See `Loss`. It depends only on module and step, so that a resumed phase continues
            as if it had never stopped.
        frozen: Parts of the module that stay in eval mode, so that BatchNorm keeps its statistics.
        images: Ids of the images of a step's batch, to be kept of a step that fails.
        after_step: Called with the number of a step once the optimiser has taken it.
        should_stop: Called after each step with the number of steps done: whether to end the phase.
    """

    name: str
    schedule: Schedule
    optimizer: Optimizer
    loss: Loss
    frozen: tuple[nn.Module, ...] = ()
    images: Callable[[int], Sequence[str]] = lambda _: ()
    after_step: Callable[[int], None] = lambda _: None
    should_stop: Callable[[int], bool] = lambda _: False

    def rates(self, step: int) -> tuple[float, float]:
        """Return learning rate and momentum of a step."""
        return float(self.schedule.lr[step]), float(self.schedule.momentum[step])
