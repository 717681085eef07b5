"""Training a classifier from few labels: fitted, evaluated, and kept as a run."""

import time
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from twinlens.data.class_subset import open_task, refuse_one_class
from twinlens.data.dataset import Dataset
from twinlens.data.provenance import transductive
from twinlens.data.splits import Split, unlabelled_rows
from twinlens.engine.device import make_fabric, precision_of
from twinlens.engine.environment import describe_environment
from twinlens.engine.loggers import check_loggers, logging
from twinlens.engine.run_folder import describe_data, finish, running
from twinlens.engine.timing import visible_split
from twinlens.evaluation.data_set_evaluation import choose
from twinlens.evaluation.evaluate import score
from twinlens.evaluation.test_access import TEST_ACCESS, log_test_access
from twinlens.evaluation.trust.prediction_sets import fit_prediction_sets
from twinlens.finetuning.initial_encoder import starting_encoder
from twinlens.finetuning.job import Job
from twinlens.finetuning.phases import fit
from twinlens.finetuning.preview import VIEWS, write_views
from twinlens.inference.feature_cache import remembering_features
from twinlens.inference.predictions_table import PREDICTIONS
from twinlens.inference.unlike_training import index_training
from twinlens.models.bundle import save_bundle
from twinlens.parquet import write_table
from twinlens.records.bundle import BundleInfo, PartMetrics, Provenance, TestTimeAugmentation
from twinlens.records.estimate import Estimate
from twinlens.records.run import MODEL, TrainRun
from twinlens.records.scores import PartScores, Scores
from twinlens.records.weights import InitialWeights, Normalisation, TrainedOn
from twinlens.requests.base import accepts
from twinlens.requests.train import TrainRequest
from twinlens.seeds import derive
from twinlens.settings.finetuning import FineTuning, configure_training
from twinlens.splitting.label_fraction import label_fraction
from twinlens.types import Rows
from twinlens.views.recipes import named_recipe


@accepts(TrainRequest)
def train(request: TrainRequest) -> Path:
    """Train a classifier on the labelled training images, and evaluate it.

    The folder made holds model/ (a bundle), metrics.json, predictions.parquet, run.json,
    history.parquet, lr_finder.json and views.png. The csv logger adds history.csv and metrics.csv.

    Returns:
        The folder `out`.
    """
    began, out, seed = time.monotonic(), Path(request.out), request.seed
    config = configure_training(request.preset, request.changed_settings())
    check_loggers(request.loggers)
    recipe = named_recipe(config.views, config.view_changes)
    data, chosen = open_task(request.dataset, request.split, config.classes)
    refuse_one_class(data, chosen)
    chosen = visible_split(chosen)
    rows = label_fraction(data, chosen, request.label_fraction, derive(seed, "label_fraction"))
    fabric = make_fabric(config.precision, request.device)
    network, initial, pretraining = starting_encoder(
        request.encoder,
        request.weights,
        request.pretrained,
        data=data,
        split=chosen,
        config=config,
        seed=seed,
    )
    determining = _determining(request, config, network.name, initial) | {
        "data_hash": data.hash,
        "split_hash": chosen.hash,
    }
    how = {"overwrite": request.overwrite, "resume": request.resume}
    with (
        running(fabric, out, determining, **how) as folder,
        logging(fabric, request.loggers, folder, out.name, determining),
    ):
        write_views(folder / VIEWS, data, rows, recipe, seed)
        job = Job(
            data,
            rows,
            data.labels,
            unlabelled=np.setdiff1d(unlabelled_rows(chosen), rows),
            labelled=chosen.labelled,
            config=config,
            fabric=fabric,
            folder=folder,
            seed=seed,
        )
        tta = test_time(config, seed)
        log = request.test_access or folder / TEST_ACCESS
        frozen = config.tuning == "linear_probe"
        with remembering_features(network, fabric) if frozen else nullcontext():
            head, history = fit(network, job)
            score_part = partial(score, network, head, data, tta=tta, fabric=fabric, size=job.size)
            scores, val = _evaluate(score_part, chosen, folder, log=log, by=out.name)
            index, unlike = index_training(
                network, data, rows, chosen.rows["val"], fabric, size=job.size
            )
        chooser = choose(val, data.classes)
        if scores:
            fabric.log_dict(_final(scores), len(history))
        info = BundleInfo(
            encoder=network.name,
            head=config.head,
            normalisation=Normalisation(mean=network.mean, std=network.std),
            classes=data.classes,
            class_info=data.class_info,
            size=job.size,
            test_time=tta,
            temperature=chooser.temperature,
            precision=precision_of(fabric),
            provenance=_provenance(request, config, initial, data, chosen),
            notice=data.record.notice,
            metrics=bundle_metrics(scores),
            prediction_sets=fit_prediction_sets(chooser, data.classes),
            unlike_threshold=unlike.threshold if unlike else None,
        )
        save_bundle(folder / MODEL, network, head, info, index)
        record = TrainRun(
            request=request,
            settings=config,
            encoder=network.name,
            seed=seed,
            label_fraction=request.label_fraction,
            initial_weights=initial,
            pretraining=pretraining,
            images=len(rows),
            epochs=_epochs(job),
            transductive=transductive(initial.history) is not None,
            data=describe_data(data, chosen),
            environment=describe_environment(fabric),
            command=replace(request, split=chosen.name).command_line(),
        )
        finish(folder, record, history, began=began, images_per_step=config.batch_size)
    return out


def _determining(
    request: TrainRequest, config: FineTuning, encoder: str, initial: InitialWeights
) -> dict[str, Any]:
    """Return what determines a training's weights, beside data and split."""
    return {
        "kind": "train",
        "encoder": encoder,
        "initial_weights": initial.model_dump(mode="json"),
        "preset": request.preset,
        **config.model_dump(mode="json"),
        "label_fraction": request.label_fraction,
        "seed": request.seed,
    }


def _epochs(job: Job) -> float | None:
    """Return the epochs of one-cycle training that are run; None for a probe."""
    if job.config.tuning == "linear_probe":
        return None
    return job.config.epochs * job.steps_per_epoch / (len(job.rows) // job.config.batch_size)


def _provenance(
    request: TrainRequest,
    config: FineTuning,
    initial: InitialWeights,
    data: Dataset,
    split: Split,
) -> Provenance:
    return Provenance(
        trained_on=TrainedOn(data_hash=data.hash, split_hash=split.hash),
        label_fraction=request.label_fraction,
        seed=request.seed,
        weights=initial,
        settings=config.model_dump(mode="json"),
        classes=config.classes,
        licence=data.record.licence or None,
    )


def test_time(config: FineTuning, seed: int) -> TestTimeAugmentation:
    """Return the test-time augmentation that the settings of a training ask for."""
    return TestTimeAugmentation(
        views=config.tta,
        clean=config.tta_clean,
        recipe=named_recipe(config.views, config.view_changes),
        seed=derive(seed, "test-time views"),
    )


def _evaluate(
    score_part: Callable[[Rows, str], tuple[PartScores, pd.DataFrame]],
    split: Split,
    folder: Path,
    *,
    log: Path,
    by: str,
) -> tuple[dict[str, PartScores], pd.DataFrame | None]:
    """Score validation and test images, and store scores and predictions.

    Returns:
        The scores, and the predictions of the validation images.
    """
    scores, tables = {}, {}
    for part in ("val", "test"):
        rows = split.rows[part]
        if len(rows):
            if part == "test":
                log_test_access(log, images=len(rows), by=by)
            scores[part], tables[part] = score_part(rows, part)
    Scores(parts=scores).write(folder / "metrics.json")
    if tables:
        write_table(folder / PREDICTIONS, pd.concat(tables.values()))
    return scores, tables.get("val")


def bundle_metrics(scores: dict[str, PartScores]) -> dict[str, PartMetrics]:
    """Return the metrics of each part as a bundle has them: without intervals."""
    return {
        part: PartMetrics(n=s.n, metrics={name: Estimate(value=v) for name, v in s.metrics.items()})
        for part, s in scores.items()
    }


def _final(scores: dict[str, PartScores]) -> dict[str, float]:
    return {
        f"metrics/{part}/{name}": value
        for part, of_part in scores.items()
        for name, value in of_part.metrics.items()
    }
