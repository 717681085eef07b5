"""What can be known to be wrong with a study before hours are spent on it."""

from pathlib import Path

from twinlens.data.batches import Batches
from twinlens.data.class_subset import refuse_one_class
from twinlens.data.dataset import Dataset
from twinlens.data.splits import Split
from twinlens.errors import UserError
from twinlens.evaluation.probabilities.binary import positive_side
from twinlens.models.encoders import build_encoder, check_size
from twinlens.models.weights import load_weights
from twinlens.pretraining.images import IMAGES
from twinlens.pretraining.probing import check_probe, choose
from twinlens.seeds import derive
from twinlens.splitting.label_fraction import label_fraction
from twinlens.study.planning.config import Study
from twinlens.study.planning.external_predictions import read_predictions
from twinlens.study.planning.plan import prediction_files
from twinlens.views.recipes import named_pair, named_recipe


def check(study: Study, data: Dataset, split: Split) -> None:
    """Build what each arm starts from, and its smallest batches.

    Raises:
        UserError: An encoder, recipe of views, weight file or file of predictions is wrong, a batch
            cannot be filled, there are no test images, all training labels are of one class, or
            the positive classes are none. It names the arm.
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


def check_arm(study: Study, arm: str, data: Dataset, split: Split) -> None:
    """Build what an arm starts from, and its smallest batches; see `check`."""
    if study.arms[arm].predictions:
        for file in prediction_files(study, arm).values():
            read_predictions(Path(file), data, split)
        return
    training, pretraining = study.training(arm), study.pretraining(arm)
    named_recipe(training.views, training.view_changes)
    encoder = build_encoder(study.arms[arm].encoder or study.encoder, seed=0)
    load_weights(encoder, study.arms[arm].weights)
    check_size(encoder, data.images.shape[1])
    if pretraining:
        named_pair(pretraining.views, pretraining.view_changes)
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
