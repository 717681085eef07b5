import numpy as np
import pytest
from sklearn.metrics import balanced_accuracy_score

from twinlens.data.dataset import open_dataset
from twinlens.data.splits import open_split
from twinlens.evaluation.features.probe import knn_probe, linear_probe
from twinlens.pretraining.probing import FOLDS, choose, describe, scores
from twinlens.seeds import derive
from twinlens.splitting.label_fraction import label_fraction
from twinlens.splitting.split import split as make_split


@pytest.mark.parametrize("fraction", [1.0, 0.5])
def test_probes_use_a_label_fractions_training_images_in_folds_that_share_no_group(
    phantoms, fraction
):
    data = open_dataset(phantoms)
    split = open_split(data)
    probed = choose(data, split, fraction, seed=3)
    assert {*probed.rows} == {*label_fraction(data, split, fraction, derive(3, "label_fraction"))}
    assert {*probed.rows} <= {*split.rows["train"]}
    groups = data.table["group"].iloc[probed.rows].to_numpy()
    assert all(len({*probed.folds[groups == group]}) == 1 for group in groups)
    assert {*probed.folds} == {*range(FOLDS)}


def test_one_class_is_too_few(dataset_of, tmp_path):
    data = dataset_of(tmp_path / "data", ["a"] * 12)
    make_split(data.path, name="mine")
    assert choose(data, open_split(data, "mine"), 1.0, seed=0) is None


def test_scores_are_those_of_probes_fitted_to_the_other_folds():
    random = np.random.default_rng(0)
    labels, folds = random.integers(0, 3, 60), np.arange(60) % FOLDS
    x = (random.normal(size=(60, 8)) + labels[:, None]).astype(np.float32)
    linear, nearest = np.zeros(60, int), np.zeros(60, int)
    for fold in range(FOLDS):
        for i in np.flatnonzero(folds == fold):
            others = folds != fold
            head = linear_probe(x[others], labels[others], classes=3, c=0.1, balanced=True)
            weight, bias = head.weight.detach().numpy(), head.bias.detach().numpy()
            linear[i] = (weight @ x[i] + bias).argmax()
            nearest[i] = knn_probe(x[others], labels[others], x[i : i + 1])[0]
    expected = [balanced_accuracy_score(labels, guess) for guess in (linear, nearest)]
    assert scores(x, labels, folds) == pytest.approx(expected)


def test_the_standard_error_is_the_largest_that_chance_allows(phantoms):
    data = open_dataset(phantoms)
    probed = choose(data, open_split(data), 1.0, seed=0)
    random, truth = np.random.default_rng(0), data.labels[probed.rows]
    drawn = [
        np.mean([random.binomial(c, 0.5) / c for c in np.bincount(truth)]) for _ in range(4000)
    ]
    assert describe(probed, data).standard_error == pytest.approx(np.std(drawn), rel=0.05)
