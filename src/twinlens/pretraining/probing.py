"""The monitor's probes: which labelled training images they use, and what they score."""

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Int
from numpy import ndarray
from sklearn.metrics import recall_score

from twinlens.data.dataset import Dataset
from twinlens.data.splits import Split
from twinlens.errors import UserError
from twinlens.evaluation.features.probe import knn_probe, linear_probe
from twinlens.records.monitor import ProbeData
from twinlens.seeds import derive, generator
from twinlens.settings.pretraining import Pretraining
from twinlens.splitting.label_fraction import label_fraction
from twinlens.splitting.stratify import allocate_folds, stratify
from twinlens.types import Rows

FOLDS = 3
"""Each image is scored by a probe that was fitted to the other folds."""


@dataclass(frozen=True)
class Probed:
    """Labelled training images, and the fold of each; no group is in two folds."""

    rows: Rows
    folds: Int[ndarray, " image"]


def choose(data: Dataset, split: Split, fraction: float, seed: int) -> Probed | None:
    """Choose the probes' images: the training images of a label fraction, dealt to folds by group.

    Args:
        data: Where the labels are.
        split: Gives the training images; validation and test images are never probed.
        fraction: The label fraction; a training of the same seed has the same images.
        seed: The run's seed.

    Returns:
        The images, or None where they would not do: a probe needs two classes to be fitted to.
    """
    if not len(split.rows["train"]):
        return None
    rows = label_fraction(data, split, fraction, derive(seed, "label_fraction"))
    labels, random = data.labels[rows], generator(seed, "probe")
    groups = np.unique(data.table["group"].iloc[rows], return_inverse=True)[1]
    count = groups.max() + 1
    pairs = stratify(labels, groups, random.permutation(count))
    folds = allocate_folds(pairs, count, FOLDS, random)[groups]
    enough = all(
        (folds == fold).any() and len(np.unique(labels[folds != fold])) > 1 for fold in range(FOLDS)
    )
    return Probed(rows, folds) if enough else None


def check_probe(config: Pretraining, probed: Probed | None) -> None:
    """Refuse settings that let the probe decide where there can be none.

    Raises:
        UserError: There are no labels for a probe, or no evaluations.
    """
    if config.probe_decides and (probed is None or not config.monitor_points):
        raise UserError(
            "keep=best_probe and patience need a probe, so labelled training images of two "
            "classes and monitor_points above 0: leave both settings out."
        )


def describe(probed: Probed, data: Dataset) -> ProbeData:
    """Return the numbers of images, folds and classes, and the largest standard error."""
    counts = np.unique(data.labels[probed.rows], return_counts=True)[1]
    # A recall of c images has at most the standard error .5 / sqrt(c).
    error = np.sqrt((0.25 / counts).sum()) / len(counts)
    return ProbeData(
        images=len(probed.rows), folds=FOLDS, classes=len(counts), standard_error=float(error)
    )


def scores(
    features: Float[ndarray, "image feature"], labels: Rows, folds: Int[ndarray, " image"]
) -> tuple[float, float]:
    """Return the balanced accuracies of a linear and a kNN probe over all folds.

    Args:
        features: Of the images.
        labels: Their class numbers.
        folds: Their folds.
    """
    linear, nearest = labels.copy(), labels.copy()
    for fold in range(FOLDS):
        here = folds == fold
        fitted, known, wanted = features[~here], labels[~here], features[here]
        head = linear_probe(fitted, known, classes=int(labels.max()) + 1, c=0.1, balanced=True)
        linear[here] = head.requires_grad_(False)(torch.from_numpy(wanted)).argmax(1).numpy()
        nearest[here] = knn_probe(fitted, known, wanted)
    recalls = {"labels": np.unique(labels), "average": "macro"}
    first, second = (recall_score(labels, guess, **recalls) for guess in (linear, nearest))
    return float(first), float(second)
