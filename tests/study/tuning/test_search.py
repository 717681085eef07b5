import pytest

from twinlens.study.running import execute
from twinlens.study.running.execute import Execution


def test_a_plan_trains_on_the_fold_with_the_values(search):
    values = {"train.lr": 0.002, "train.epochs": 2}
    (training,) = search.plan(values, search.folds[1])
    request = training.request
    assert (request.split, request.seed, request.label_fraction) == ("tuning/fold2", 0, 1.0)
    assert request.settings["lr"] == 0.002
    assert request.settings["epochs"] == 2
    assert request.settings["batch_size"] == 16
    ids = {search.plan(v, fold)[-1].id for v in (values, {}) for fold in search.folds}
    assert len(ids) == 6


def test_scores_are_known_as_far_as_folds_are_done(search, done):
    assert search.scores({}) == []
    for place in (0, 2):
        run = search.plan({}, search.folds[place])[-1]
        execute._carry_out(run, Execution([], search.folder, "cpu"))
    assert search.scores({}) == pytest.approx([0.8 - 0.1 - 0.01])
    assert search.score({}, search.folds[2]) == pytest.approx(0.8 - 0.1 - 0.03)
    assert search.score({}, search.folds[1]) is None
