"""Probes: what a linear classifier, or the nearest images, can read from frozen features."""

import numpy as np
import pandas as pd
import torch
from jaxtyping import Float, Int
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler
from torch import nn

from twinlens.engine.timing import scaled
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
    if len(np.unique(labels)) < 2:
        raise UserError("A probe needs training images of at least two classes.")

    def fitted(size: int) -> Pipeline:
        model = make_pipeline(
            StandardScaler(),
            LogisticRegression(C=c, class_weight="balanced" if balanced else None, max_iter=2000),
        )
        some = slice(None) if size == len(labels) else _alternating(labels)[:size]
        return model.fit(features[some], labels[some])

    scaler, regression = scaled(fitted, len(labels))
    present = regression.classes_
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


def _alternating(labels: Rows) -> Rows:
    """Return an order in which classes take turns, so that any part has several of them."""
    turn = pd.Series(labels).groupby(labels).cumcount()
    order: Rows = np.argsort(turn.to_numpy(), kind="stable")
    return order


def knn_probe(
    features: Float[np.ndarray, "image feature"],
    labels: Rows,
    wanted: Float[np.ndarray, "other feature"],
    *,
    k: int = 20,
    temperature: float = 0.07,
    balanced: bool = True,
) -> Int[np.ndarray, " other"]:
    """Predict classes by the vote of the nearest images (Wu et al. 2018, section 3.4).

    A neighbour of cosine similarity s votes with weight exp(s / temperature). Of equally near
    images the first votes, of equal classes the lowest number wins.

    Args:
        features: Of the training images.
        labels: Their class numbers.
        wanted: Features of the images to predict.
        k: Number of neighbours; all training images where there are fewer.
        temperature: The lower, the more the nearest of them count.
        balanced: Whether votes are divided by the number of training images of their class.

    Returns:
        A class number for each wanted image.
    """
    present, classes, counts = np.unique(labels, return_inverse=True, return_counts=True)
    similarity = unit_rows(wanted) @ unit_rows(features).T
    nearest = np.argsort(-similarity, axis=1, kind="stable")[:, :k]
    votes = np.exp(np.take_along_axis(similarity, nearest, axis=1) / temperature)
    if balanced:
        votes /= counts[classes[nearest]]
    scores = (votes[:, :, None] * np.eye(len(present))[classes[nearest]]).sum(axis=1)
    predicted: Rows = present[scores.argmax(axis=1)]
    return predicted


def unit_rows(x: Float[np.ndarray, "image feature"]) -> Float[np.ndarray, "image feature"]:
    """Return the rows at length 1 in float64, so that their products are cosines; 0 stays 0."""
    x = x.astype(np.float64)
    lengths = np.linalg.norm(x, axis=1, keepdims=True)
    unit: Float[np.ndarray, "image feature"] = x / np.where(lengths > 0, lengths, 1)
    return unit
