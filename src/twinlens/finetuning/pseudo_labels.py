"""Pseudo-labels: an ensemble labels the unlabelled images that it agrees on, for a last training.

Lee 2013 (Pseudo-Label); with an ensemble's vote as arXiv 2503.09707 finds strongest for few labels.
"""

import shutil
from collections.abc import Callable
from copy import deepcopy
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
from jaxtyping import Bool, Float
from numpy import ndarray
from torch import nn

from twinlens.console import say
from twinlens.data.batches import reader
from twinlens.errors import UserError
from twinlens.files import atomic_file
from twinlens.finetuning.job import Job
from twinlens.inference.test_time import Probabilities, predict_probabilities
from twinlens.models.encoders import Encoder
from twinlens.parquet import read_table, write_table
from twinlens.records.bundle import TestTimeAugmentation
from twinlens.seeds import derive
from twinlens.types import Rows
from twinlens.views.recipe import ViewRecipe

PSEUDO_LABELS = "pseudo_labels.parquet"

_WORK = "pseudo_labels"
_IMAGE_ALONE = TestTimeAugmentation(views=1, clean=True, recipe=ViewRecipe(), seed=0)

Fit = Callable[[Encoder, Job], tuple[nn.Module, pd.DataFrame]]


def with_pseudo_labels(encoder: Encoder, job: Job, fit: Fit) -> Job:
    """Return a training on the labelled images and on those that an ensemble labels.

    In each round `semi_members` networks of different seeds are trained, from the second on with
    the pseudo-labels of the round before. The run keeps the last ones in `PSEUDO_LABELS`.

    Args:
        encoder: With its initial weights; left as it is.
        job: The training with the labelled images alone.
        fit: Trains an encoder in place, and returns its head.

    Raises:
        UserError: There are no unlabelled images.
    """
    if not len(job.unlabelled):
        raise UserError(
            f"Pseudo-labels need unlabelled images, and {job.data.path} has none in this split: "
            "import some, or leave out semi."
        )
    stored = job.folder / PSEUDO_LABELS
    if not stored.exists():
        _label(encoder, job, fit)
        shutil.rmtree(job.folder / _WORK)
    table = read_table(stored, ("row", "class"), mend="delete it, and they are made again")
    return _extended(job, table["row"].to_numpy(), table["class"].to_numpy())


def _label(encoder: Encoder, job: Job, fit: Fit) -> None:
    """Train the ensembles, and store the pseudo-labels of the last one."""
    work, config = job.folder / _WORK, job.config
    work.mkdir(exist_ok=True)
    current = job
    for number in range(1, config.semi_rounds + 1):
        names = [f"round{number}_member{m}" for m in range(1, config.semi_members + 1)]
        votes = np.stack([_vote(encoder, current, work / name, fit) for name in names])
        mean, chosen = votes.mean(axis=0), agreed(votes, float(config.semi_threshold))
        rows, classes = job.unlabelled[chosen], mean.argmax(axis=1)[chosen]
        current = _extended(job, rows, classes)
        say(f"Pseudo-labels, round {number}: {len(rows):,} of {len(chosen):,} unlabelled images.")
    if not len(rows):
        say(
            "WARNING: The networks agreed on no unlabelled image, so this is a training on the "
            f"labelled ones alone: lower semi_threshold, which is {config.semi_threshold:g}."
        )
    table = pd.DataFrame(
        {
            "row": rows,
            "id": job.data.table["id"].to_numpy()[rows],
            "class": classes,
            "name": np.array(job.data.classes)[classes],
            "confidence": mean.max(axis=1)[chosen],
        }
    )
    write_table(job.folder / PSEUDO_LABELS, table)


def agreed(
    votes: Float[ndarray, "member image class"], threshold: float
) -> Bool[ndarray, " image"]:
    """Return which images get a pseudo-label.

    All members predict the same class, and the mean of their probabilities reaches the threshold.

    Args:
        votes: Probabilities by each member.
        threshold: In [0, 1].
    """
    classes = votes.argmax(axis=2)
    unanimous = (classes == classes[0]).all(axis=0)
    chosen: Bool[ndarray, " image"] = unanimous & (votes.mean(axis=0).max(axis=1) >= threshold)
    return chosen


def _vote(encoder: Encoder, job: Job, folder: Path, fit: Fit) -> Probabilities:
    """Train a member, and return its probabilities of the unlabelled images; stored once made."""
    stored = folder.with_suffix(".npy")
    if stored.exists():
        probabilities: Probabilities = np.load(stored)
        return probabilities
    folder.mkdir(exist_ok=True)
    alone = job.config.model_copy(update={"semi": "none"})
    network = deepcopy(encoder)
    seed = derive(job.seed, "pseudo-labels", folder.name)
    head, _ = fit(network, replace(job, config=alone, folder=folder, seed=seed))
    probabilities = predict_probabilities(
        network,
        head,
        reader(job.data.images, job.unlabelled, job.fabric.device),
        job.unlabelled,
        tta=_IMAGE_ALONE,
        size=job.size,
        batch_size=job.config.batch_size,
        autocast=job.fabric.autocast,
    )
    with atomic_file(stored) as temporary, temporary.open("wb") as file:
        np.save(file, probabilities)
    shutil.rmtree(folder)
    return probabilities


def _extended(job: Job, rows: Rows, classes: Rows) -> Job:
    """Add images with their pseudo-labels to the labelled ones."""
    labels = job.labels.copy()
    labels[rows] = classes
    return replace(job, rows=np.concatenate([job.rows, rows]), labels=labels)
