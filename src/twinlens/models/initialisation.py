"""Initial weights that depend on a named seed alone."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from twinlens.seeds import derive


@contextmanager
def seeded_initialisation(seed: int, *names: str | int) -> Iterator[None]:
    """Make the layers built inside depend on (seed, names) only.

    Layers of torch and timm draw their weights from the global CPU generator when they are
    built. It is seeded for the block and put back as it was afterwards.
    """
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(derive(seed, *names))
        yield
