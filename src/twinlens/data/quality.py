"""Images that are blurred, dark, bright, noisy or empty, compared with others."""

import numpy as np
import pandas as pd
from scipy.ndimage import correlate1d

from twinlens.console import progress
from twinlens.data.hashing import grey
from twinlens.records.audit import DEFAULTS
from twinlens.types import Pack

EMPTY = 2.0
"""Standard deviation in grey levels below which an image shows nothing."""

_BATCH = 1000


def measure(images: Pack) -> pd.DataFrame:
    """Measure each image.

    Args:
        images: The pack, shape (image, size, size, 3).

    Returns:
        One row per image: ``exposure``, the mean grey level from 0 to 255; ``contrast``, its
        standard deviation; ``sharpness``, the logarithm to base 10 of the variance of the
        Laplacian (Pech-Pacheco et al. 2000).
    """
    values = np.empty((len(images), 3), dtype=np.float32)
    with progress("Measuring sharpness and exposure", len(images)) as show:
        for start in range(0, len(images), _BATCH):
            batch = grey(images[start : start + _BATCH])
            edges = sum(correlate1d(batch, [1, -2, 1], axis=axis) for axis in (1, 2))
            rows = slice(start, start + len(batch))
            values[rows, 0] = batch.mean(axis=(1, 2))
            values[rows, 1] = batch.std(axis=(1, 2))
            values[rows, 2] = np.log10(edges.var(axis=(1, 2)) + 1e-3)
            show(start + len(batch), "images")
    return pd.DataFrame(values, columns=["exposure", "contrast", "sharpness"])


def outliers(measures: pd.DataFrame, reference: pd.DataFrame | None = None) -> pd.DataFrame:
    """Return the images of unusual quality, the most extreme first.

    Args:
        measures: From `measure`.
        reference: Measures of the images that say what is usual, such as those of the training;
            None for the same images.

    Returns:
        One row per outlier and reason: ``row``, ``reason``, and the measures.
    """
    usual = measures if reference is None else reference
    centre = usual.median()
    scale = (1.4826 * (usual - centre).abs().median()).clip(lower=1e-3)
    deviations = (measures - centre) / scale
    limit, empty = DEFAULTS.outlier_deviations, measures["contrast"] < EMPTY
    reasons = {
        "shows nothing": empty,
        "blurred": (deviations["sharpness"] < -limit) & ~empty,
        "dark": (deviations["exposure"] < -limit) & ~empty,
        "bright": (deviations["exposure"] > limit) & ~empty,
        "noisy": (deviations["sharpness"] > limit) & ~empty,
    }
    largest = deviations.abs().max(axis=1)
    parts = [
        measures[outlying].assign(
            row=np.flatnonzero(outlying), reason=reason, largest=largest[outlying]
        )
        for reason, outlying in reasons.items()
    ]
    table = pd.concat(parts).sort_values("largest", ascending=False, kind="stable")
    return table.drop(columns="largest").reset_index(drop=True)
