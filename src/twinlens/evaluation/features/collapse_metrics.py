"""What features say about themselves without labels: the directions that they use, their spread."""

import numpy as np
from jaxtyping import Float
from scipy.linalg import solve

EPS = 1e-7
"""Added to the shares of the singular values, as in the article."""

_ROUNDING = 1e-6  # dispersion of equal images, whose features differ by float32's rounding alone
_FIRST, _LAST = 4, 100  # places of the eigenvalues that the authors' code fits

Values = Float[np.ndarray, " direction"]


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
    return _spread(np.sqrt(_variances(x)))


def alpha_req(x: Float[np.ndarray, "image feature"]) -> float | None:
    """Return the decay of the eigenvalues of the covariance: alpha in variance_j = c j^-alpha.

    Agrawal et al. (2022, "alpha-ReQ", NeurIPS), who find the best features near an alpha of 1: a
    larger one means few directions, a smaller one much noise. As in their code, a line is fitted to
    log(variance_j) over log(j), j from 4 to 100, with weights of 1/j.

    Args:
        x: Features or embeddings; their scale does not matter.

    Returns:
        alpha; None where fewer than three directions from the fourth on have any variance.
    """
    if not relative_dispersion(x) > _ROUNDING:
        return None
    variances = _variances(x)
    variances = variances[variances > variances[0] * _ROUNDING**2][_FIRST - 1 : _LAST]
    if len(variances) < 3:
        return None
    places = np.arange(_FIRST, _FIRST + len(variances))
    slope, _ = np.polyfit(np.log(places), np.log(variances), 1, w=places**-0.5)
    return float(-slope)


def lidar(x: Float[np.ndarray, "image view feature"], delta: float = 1e-4) -> float:
    """Return LiDAR: how many directions tell images apart, as against views of one image.

    Thilak et al. (2024, arXiv 2312.04000), equations 1 to 4: exp of the entropy of the shares of
    the eigenvalues of W^-1/2 B W^-1/2, with B the covariance of the images' means and W that of the
    views around their image's mean, plus delta on its diagonal. We give delta as a share of the
    mean variance in W, so that the scale of the features does not matter.

    Args:
        x: Features of several views of each image.
        delta: See above.

    Returns:
        From 1 to the smaller of the number of features and of images less 1; 0 where the means
        are equal within float32.
    """
    images, views, features = x.shape
    means = x.mean(axis=1, dtype=np.float64)
    if images < 2 or views < 2 or not relative_dispersion(means) > _ROUNDING:
        return 0.0
    scale = np.abs(means).max()
    within = ((x - means[:, None]) / scale).reshape(-1, features)
    w = within.T @ within / (images * (views - 1))
    mean_variance = w.trace() / features or 1.0  # 1: all views are equal
    w[np.diag_indices(features)] += delta * mean_variance
    between = (means - means.mean(axis=0)) / scale / np.sqrt(images - 1)
    # B = between.T @ between, so these are the eigenvalues above 0 of the larger matrix too.
    product = between @ solve(w, between.T, assume_a="pos")
    return _spread(np.linalg.eigvalsh((product + product.T) / 2).clip(min=0))


def _variances(x: Float[np.ndarray, "image feature"]) -> Values:
    """Return the variances in all directions up to a factor, the largest first."""
    centred = x.astype(np.float64) - x.mean(axis=0, dtype=np.float64)
    centred /= np.abs(centred).max()
    gram = centred @ centred.T if len(x) < x.shape[1] else centred.T @ centred
    variances: Values = np.linalg.eigvalsh(gram)[::-1].clip(min=0)
    return variances


def _spread(values: Values) -> float:
    """Return exp of the entropy of the values' shares: their effective number."""
    shares = values / values.sum() + EPS
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
