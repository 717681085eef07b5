"""Images that are blurred, dark, bright or empty, compared with the rest of the data set."""

import numpy as np
import pandas as pd
from scipy.ndimage import correlate1d

from twinlens.auditing.hashing import grey
from twinlens.console import progress
from twinlens.types import PackedImages

DEVIATIONS = 4.0
"""Robust standard deviations (1.4826 times the median absolute one) beyond which an image is an
outlier."""

EMPTY = 2.0
"""Standard deviation in grey levels below which an image shows nothing."""

_AT_ONCE = 1000


def measure(images: PackedImages) -> pd.DataFrame:
    """Measure each image.

    Args:
        images: The pack, shape (image, size, size, 3).

    Returns:
        A row an image: ``exposure``, its mean grey level from 0 to 255; ``contrast``, the standard
        deviation; ``sharpness``, the logarithm of the variance of the Laplacian (Pech-Pacheco et
        al. 2000), to base 10.
    """
    values = np.empty((len(images), 3), dtype=np.float32)
    with progress("Measuring sharpness and exposure", len(images)) as show:
        for start in range(0, len(images), _AT_ONCE):
            batch = grey(images[start : start + _AT_ONCE])
            edges = sum(correlate1d(batch, [1, -2, 1], axis=axis) for axis in (1, 2))
            rows = slice(start, start + len(batch))
            values[rows, 0] = batch.mean(axis=(1, 2))
            values[rows, 1] = batch.std(axis=(1, 2))
            values[rows, 2] = np.log10(edges.var(axis=(1, 2)) + 1e-3)
            show(start + len(batch), "images")
    return pd.DataFrame(values, columns=["exposure", "contrast", "sharpness"])


def outliers(measures: pd.DataFrame) -> pd.DataFrame:
    """Return the images that stand out: ``row``, ``why``, and their measures; worst first."""
    centre = measures.median()
    spread = (1.4826 * (measures - centre).abs().median()).clip(lower=1e-3)
    away = (measures - centre) / spread
    empty = measures["contrast"] < EMPTY
    reasons = {
        "shows nothing": empty,
        "blurred": (away["sharpness"] < -DEVIATIONS) & ~empty,
        "dark": (away["exposure"] < -DEVIATIONS) & ~empty,
        "bright": (away["exposure"] > DEVIATIONS) & ~empty,
        "noisy": (away["sharpness"] > DEVIATIONS) & ~empty,
    }
    parts = []
    for why, found in reasons.items():
        rows = np.flatnonzero(found)
        part = measures.iloc[rows].assign(row=rows, why=why)
        parts.append(part.assign(away=away.iloc[rows].abs().max(axis=1)))
    table = pd.concat(parts).sort_values("away", ascending=False, kind="stable")
    return table.drop(columns="away").reset_index(drop=True)
