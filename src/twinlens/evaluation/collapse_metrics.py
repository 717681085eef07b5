"""How many directions the features of images use, and how far they lie apart."""

import numpy as np
from jaxtyping import Float

EPS = 1e-7
"""Added to the shares of the singular values, as in the article."""

_ROUNDING = 1e-6  # dispersion of equal images, whose features differ by float32's rounding alone


def effective_rank(x: Float[np.ndarray, "image feature"]) -> float:
    """Return RankMe of the centred rows: exp of the entropy of the singular values' shares.

    Garrido et al. (2023, arXiv 2210.02885), equation 1, do not centre. We do: a direction that all
    images share, as features behind a ReLU have one, would hide all others, and the losses of
    Barlow Twins and VICReg do not see it.

    Args:
        x: Features or embeddings; their scale does not matter.

    Returns:
        From 1 to the smaller of both dimensions; 0 where the rows are equal within float32.
    """
    if not relative_dispersion(x) > _ROUNDING:
        return 0.0
    centred = x.astype(np.float64) - x.mean(axis=0, dtype=np.float64)
    centred /= np.abs(centred).max()
    gram = centred @ centred.T if len(x) < x.shape[1] else centred.T @ centred
    singular = np.sqrt(np.linalg.eigvalsh(gram).clip(min=0))
    shares = singular / singular.sum() + EPS
    return float(np.exp(-(shares * np.log(shares)).sum()))


def relative_dispersion(x: Float[np.ndarray, "image feature"]) -> float:
    """Return sqrt(E|h - mean|² / E|h|²), in [0, 1]; 0: all images have the same features.

    Args:
        x: Features or embeddings; their scale does not matter.
    """
    largest = np.abs(x).max()
    if largest == 0:
        return 0.0
    scaled = x.astype(np.float64) / largest
    centred = scaled - scaled.mean(axis=0)
    return float(np.sqrt((centred**2).sum() / (scaled**2).sum()))
