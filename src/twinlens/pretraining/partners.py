"""Pairs from groups: the other photograph of a lesion or patient as the second view of an image.

Azizi et al. 2021, "Big self-supervised models advance medical image classification" (MICLe, arXiv
2101.05224, section 3.2).
"""

import numpy as np
import pandas as pd

from twinlens.data.dataset import Dataset
from twinlens.errors import UserError
from twinlens.seeds import derive, uniforms
from twinlens.settings.pretraining import Pretraining
from twinlens.types import Rows


class Partners:
    """Draws for each image another one of its group, among the images of a pretraining.

    Attributes:
        paired: Number of images that have a partner.
        groups: Number of each image's group, from 0.
    """

    def __init__(self, data: Dataset, rows: Rows) -> None:
        """Find the groups.

        Args:
            data: Its table has the groups.
            rows: The images that the pretraining sees; no other one becomes a partner.

        Raises:
            UserError: No group has two of the images.
        """
        self.groups: Rows = pd.factorize(data.table["group"].iloc[rows])[0]
        codes = self.groups
        order = np.argsort(codes, kind="stable")
        sizes = np.bincount(codes)
        self._members = rows[order]
        self._place = np.full(len(data.table), -1)
        self._place[self._members] = np.arange(len(rows))
        self._start = np.repeat(np.cumsum(sizes) - sizes, sizes)
        self._size = np.repeat(sizes, sizes)
        self.paired = int((self._size > 1).sum())
        if not self.paired:
            raise UserError(
                f"pair=group: no lesion or patient of {data.path} has two of the images that the "
                "pretraining sees (column group of its table): import it with --group, or leave "
                "pair out."
            )

    def of(self, rows: Rows, *, seed: int, step: int) -> Rows:
        """Draw partners, each of the others of a group equally likely; alone, an image is its own.

        Args:
            rows: Row numbers of a batch, all among the images of the pretraining.
            seed: Seed of the phase.
            step: Its step.

        Returns:
            Row numbers, shape (batch,): a function of seed, step and row alone.
        """
        place = self._place[rows]
        start, size = self._start[place], self._size[place]
        drawn = uniforms(derive(seed, "partner"), step, rows, 1)[:, 0]
        shift = 1 + np.floor(drawn * (size - 1)).astype(np.int64)
        partners: Rows = self._members[start + (place - start + shift) % size]
        return partners


def find_partners(config: Pretraining, data: Dataset, rows: Rows) -> Partners | None:
    """Return the partners that the settings ask for, or None; arguments and errors as above."""
    return Partners(data, rows) if config.pair == "group" else None
