"""The linear probe: what a linear classifier can read from frozen features."""

import numpy as np
import torch
from jaxtyping import Float
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from torch import nn

from twinlens.errors import UserError
from twinlens.models.heads import classifier
from twinlens.types import Rows


def linear_probe(
    features: Float[np.ndarray, "image feature"],
    labels: Rows,
    *,
    classes: int,
    c: float,
    balanced: bool,
) -> nn.Linear:
    """Fit a logistic regression to standardised features.

    Args:
        features: Of the training images.
        labels: Their class numbers.
        classes: Number of classes; one that has no training image is never predicted.
        c: Inverse strength of the L2 penalty.
        balanced: Whether classes are weighted by the inverse of their frequency.

    Returns:
        A Linear layer from the features as they are to logits: the standardisation is folded in.

    Raises:
        UserError: There are fewer than two classes to tell apart.
    """
    present = np.unique(labels)
    if len(present) < 2:
        raise UserError("A probe needs training images of at least two classes.")
    model = make_pipeline(
        StandardScaler(),
        LogisticRegression(C=c, class_weight="balanced" if balanced else None, max_iter=2000),
    ).fit(features, labels)
    scaler, regression = model[0], model[1]
    weight, bias = regression.coef_, regression.intercept_
    if len(present) == 2:  # scikit-learn keeps one row: the log odds of the second class
        weight, bias = np.vstack([-weight, weight]) / 2, np.hstack([-bias, bias]) / 2
    weight = weight / scaler.scale_
    head = classifier(features.shape[1], classes, seed=0)
    with torch.no_grad():
        head.weight.zero_()
        head.bias.fill_(torch.finfo(torch.float32).min / 2)
        head.weight[present] = torch.from_numpy(weight).float()
        head.bias[present] = torch.from_numpy(bias - weight @ scaler.mean_).float()
    return head
