"""The table of methods: the network that each trains, and its loss."""

from collections.abc import Callable
from dataclasses import dataclass

from twinlens.pretraining.methods.barlow_twins import barlow_twins
from twinlens.pretraining.methods.byol import byol
from twinlens.pretraining.methods.simclr import simclr
from twinlens.pretraining.methods.vicreg import vicreg
from twinlens.pretraining.networks import SiameseNetwork, StudentTeacher
from twinlens.pretraining.precision import Terms


@dataclass(frozen=True)
class Method:
    """A way to learn from pairs of views.

    Attributes:
        loss: From the outputs of the network for both views, and the method's numbers in
            `pretraining.config.SETTINGS`, to the loss and the terms that are worth watching.
        network: What is trained.
    """

    loss: Callable[..., Terms]
    network: type[SiameseNetwork] = SiameseNetwork


METHODS: dict[str, Method] = {
    "barlow_twins": Method(lambda z1, z2, c: barlow_twins(z1, z2, lambda_=c.lambda_, eps=c.eps)),
    "byol": Method(lambda p1, p2, t1, t2, _: byol(p1, p2, t1, t2), network=StudentTeacher),
    "simclr": Method(lambda z1, z2, c: simclr(z1, z2, temperature=c.temperature)),
    "vicreg": Method(
        lambda z1, z2, c: vicreg(
            z1, z2, invariance=c.invariance, variance=c.variance, covariance=c.covariance
        )
    ),
}
