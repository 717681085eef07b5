"""A soup of a study: one model whose weights are the mean of several runs' weights."""

from pathlib import Path

import numpy as np
import pandas as pd
from lightning_fabric import Fabric

from twinlens.data.dataset import Dataset
from twinlens.data.splits import Split
from twinlens.evaluation.data_set_evaluation import choose
from twinlens.evaluation.evaluate import score
from twinlens.evaluation.metrics import METRICS
from twinlens.evaluation.test_access import TEST_ACCESS, log_test_access
from twinlens.evaluation.test_set import BATCH_SIZE
from twinlens.evaluation.trust.prediction_sets import fit_prediction_sets
from twinlens.files import atomic_folder, read_json, write_json
from twinlens.finetuning.averaging import estimate_statistics
from twinlens.finetuning.classifier import Classifier
from twinlens.finetuning.train import bundle_metrics
from twinlens.inference.embed import clean_batches
from twinlens.inference.unlike_training import index_training
from twinlens.models.bundle import save_bundle
from twinlens.models.ensemble import average_bundles
from twinlens.records.plan import PlannedTraining
from twinlens.records.run import MODEL
from twinlens.records.scores import PartScores, Scores
from twinlens.seeds import derive
from twinlens.splitting.label_fraction import label_fraction
from twinlens.study.running.paths import SOUP, run_folder
from twinlens.types import Rows

_MEMBERS, _SCORES = "members.json", "metrics.json"


def make_soup(
    folder: Path,
    members: list[PlannedTraining],
    metric: str,
    at_least: float,
    *,
    data: Dataset,
    split: Split,
    fabric: Fabric,
) -> Scores:
    """Average the weights of runs, and score the result (Wortsman et al. 2022, arXiv 2203.05482).

    BatchNorm's statistics are estimated again on the training images where those of the runs
    differ. The folder `SOUP` keeps the model and its scores; for the same runs it is not made anew.

    Args:
        folder: Folder of the study.
        members: The runs.
        metric: Decides on validation images whether the soup is good enough for test images.
        at_least: Value of the metric that this takes.
        data: The data set, with the classes of the study.
        split: Its split.
        fabric: Device and precision.

    Returns:
        The scores on validation images and, if it is good enough, on test images.
    """
    soup, names, sign = folder / SOUP, [run.id for run in members], METRICS[metric].sign

    def good_enough(scores: Scores) -> bool:
        return sign * scores.parts["val"].metrics[metric] >= sign * at_least

    if (soup / _MEMBERS).is_file() and read_json(soup / _MEMBERS) == names:
        scores = Scores.read(soup / _SCORES)
        if scores.test or not good_enough(scores):
            return scores
    bundle, same_statistics = average_bundles([run_folder(folder, r) / MODEL for r in members])
    encoder, head = bundle.encoder.to(fabric.device), bundle.head.to(fabric.device)
    if not same_statistics:
        size, rows = bundle.info.size, split.rows["train"]
        batches = clean_batches(encoder, data, rows, fabric, size=size, batch_size=BATCH_SIZE)
        with fabric.autocast():
            estimate_statistics(Classifier(encoder, head), batches)

    def scored(part: str) -> tuple[PartScores, pd.DataFrame]:
        tta, size, rows = bundle.info.test_time, bundle.info.size, split.rows[part]
        return score(encoder, head, data, rows, part, tta=tta, fabric=fabric, size=size)

    val, predicted = scored("val")
    chooser = choose(predicted, data.classes)
    index, unlike = index_training(
        encoder,
        data,
        _trained_on(members, data, split),
        split.rows["val"],
        fabric,
        size=bundle.info.size,
    )
    scores = Scores(parts={"val": val})
    if good_enough(scores) and len(split.rows["test"]):
        by = f"{SOUP} ({len(members)} runs)"
        log_test_access(folder / TEST_ACCESS, images=len(split.rows["test"]), by=by)
        scores = Scores(parts={"val": val, "test": scored("test")[0]})
    with atomic_folder(soup, marker=_MEMBERS, overwrite=True) as work:
        changes = {
            "temperature": chooser.temperature,
            "metrics": bundle_metrics(scores.parts),
            "prediction_sets": fit_prediction_sets(chooser, data.classes),
            "unlike_threshold": unlike.threshold if unlike else None,
        }
        info = bundle.info.model_copy(update=changes)
        save_bundle(work / MODEL, encoder, head, info, index)
        scores.write(work / _SCORES)
        write_json(work / _MEMBERS, names)
    return scores


def _trained_on(members: list[PlannedTraining], data: Dataset, split: Split) -> Rows:
    """Return the rows of the labelled images that any of the runs was trained on."""
    seeds = [(run.label_fraction, derive(run.seed, "label_fraction")) for run in members]
    return np.unique(np.concatenate([label_fraction(data, split, *each) for each in seeds]))


def soup_scores(folder: Path) -> Scores:
    """Read the scores of a study's soup."""
    return Scores.read(folder / SOUP / _SCORES)
