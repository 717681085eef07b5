"""What can be known to be wrong with a study before hours are spent on it."""

from pathlib import Path

import numpy as np

from twinlens.data.batches import Batches
from twinlens.data.class_subset import refuse_one_class
from twinlens.data.dataset import Dataset
from twinlens.data.splits import Split, unlabelled_rows
from twinlens.errors import UserError
from twinlens.evaluation.probabilities.binary import positive_side
from twinlens.finetuning.fixmatch import unlabelled_batch
from twinlens.finetuning.initial_encoder import starting_encoder
from twinlens.models.encoders import build_encoder
from twinlens.models.trainable import choose_trainable
from twinlens.pretraining.images import IMAGES
from twinlens.pretraining.methods import METHODS
from twinlens.pretraining.probing import check_probe, choose
from twinlens.pretraining.validate import check_views
from twinlens.seeds import derive
from twinlens.splitting.label_fraction import label_fraction
from twinlens.study.planning.config import Study
from twinlens.study.planning.external_predictions import read_predictions
from twinlens.study.planning.plan import prediction_files
from twinlens.views.recipes import named_recipe


def check(study: Study, data: Dataset, split: Split) -> None:
    """Build what each arm starts from, and its smallest batches.

    Raises:
        UserError: An encoder, recipe of views, weight file or file of predictions is wrong, an
            encoder does not suit sizes, method or what is to be trained, a batch cannot be filled,
            there are no test images, all training labels are of one class, the positive classes
            are none, or arms that are to be averaged differ in size. It names the arm.
    """
    if not len(split.rows["test"]):
        raise UserError(
            f"The split '{split.name}' of {study.data} has no test images, so nothing can be "
            "reported: make one with 'twinlens split --test 0.2'."
        )
    refuse_one_class(data, split)
    try:
        positive_side(study.positive, data.classes, data.class_info)
    except UserError as error:
        raise UserError(f"The key 'positive': {error}") from error
    for arm in study.arms:
        try:
            check_arm(study, arm, data, split)
        except UserError as error:
            raise UserError(f"Arm '{arm}': {error}") from error
    if study.ensemble == "arms":
        _check_one_size(study, data)


def _check_one_size(study: Study, data: Dataset) -> None:
    """Refuse an ensemble of arms that read images of different sizes, which it cannot average."""
    trained = [arm for arm in study.arms if not study.arms[arm].predictions]
    sizes = {arm: study.training(arm).image_size or data.size for arm in trained}
    (first, size), *others = sizes.items() if sizes else [("", 0)]
    for arm, other in others:
        if other != size:
            raise UserError(
                f"The key 'ensemble': arms averages all arms, but '{first}' reads images of {size} "
                f"pixels and '{arm}' of {other}: give them one image_size, or choose seeds."
            )


def check_arm(study: Study, arm: str, data: Dataset, split: Split) -> None:
    """Build what an arm starts from, and its smallest batches; see `check`."""
    if study.arms[arm].predictions:
        for file in prediction_files(study, arm).values():
            read_predictions(Path(file), data, split)
        return
    training, pretraining = study.training(arm), study.pretraining(arm)
    named_recipe(training.views, training.view_changes)
    name, weights = study.arms[arm].encoder or study.encoder, study.arms[arm].weights
    encoder, _, _ = starting_encoder(
        name, weights, None, data=data, split=split, config=training, seed=0
    )
    choose_trainable(encoder, training.trainable, rank=training.lora_rank, seed=0)
    if pretraining:
        encoder = build_encoder(name, seed=0)
        check_views(pretraining, encoder, data)
        choose_trainable(encoder, pretraining.trainable, rank=pretraining.lora_rank, seed=0)
        METHODS[pretraining.method].network(encoder, pretraining, 0)
        rows = IMAGES[study.arms[arm].images].rows(split)
        Batches(rows, batch_size=pretraining.batch_size, seed=0)
        for seed in study.seeds_of(arm):
            check_probe(pretraining, choose(data, split, pretraining.probe_label_fraction, seed))
    if training.tuning != "linear_probe":
        for seed in study.seeds_of(arm):
            rows = label_fraction(
                data, split, min(study.label_fractions), derive(seed, "label_fraction")
            )
            Batches(rows, batch_size=training.batch_size, seed=0)
        if training.semi == "fixmatch":
            most = label_fraction(data, split, max(study.label_fractions), seed=0)
            unlabelled_batch(training, np.setdiff1d(unlabelled_rows(split), most), data)
