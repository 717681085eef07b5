import numpy as np
import pandas as pd
import pytest
from scipy import stats
from synthetic import finish_study

from twinlens.errors import UserError
from twinlens.evaluation.metrics import METRICS
from twinlens.evaluation.uncertainty.sequential import corrected, level_at
from twinlens.study.analysis import scores
from twinlens.study.analysis.comparisons import Comparisons, read_comparisons
from twinlens.study.planning.config import Study
from twinlens.study.running.paths import run_folder

TWINS, PLAIN = ("twins", 1.0), ("plain", 1.0)


def _trainings(folder, seeds):
    study = Study(data="data", seeds=seeds, arms={"plain": {}, "twins": {"pretrain": {}}})
    return [run for run in finish_study(folder, study) if run.kind == "train"]


def _comparisons(folder, seeds, looks=()):
    trainings = _trainings(folder, seeds)
    return read_comparisons(
        folder, trainings, scores.test_metrics(scores.collect_scores(folder, trainings)), looks
    )


@pytest.mark.parametrize("metric", [n for n, m in METRICS.items() if m.of_confusion])
def test_the_interval_is_wider_than_that_over_seeds(tmp_path, metric):
    found = _comparisons(tmp_path, 9, looks=[3, 9]).compare(TWINS, PLAIN, metric)
    paired = stats.ttest_rel(found.a, found.b)
    assert found.over_seeds.interval == pytest.approx(paired.confidence_interval(found.level))
    assert found.level == level_at([3], 9)
    assert found.covers == "seeds and test images"
    low, high = found.interval
    assert low < found.over_seeds.interval.low < found.over_seeds.interval.high < high
    assert (found.p < 0.05) == (not low <= 0 <= high)
    # Unlike the p value it is not corrected for earlier looks.
    assert corrected(2 * found.false_claim, found.level) == pytest.approx(found.p)


def test_one_seed_compares_two_models_over_test_images(tmp_path):
    found = _comparisons(tmp_path, 1).compare(TWINS, PLAIN, "accuracy")
    assert (found.covers, found.p, found.level) == ("test images", None, 0.95)
    assert np.mean(found.interval) == pytest.approx(found.over_seeds.mean)
    assert 0 < found.false_claim < 0.5


TABLES = {
    TWINS: pd.DataFrame({"loss": [0.2, 0.3, 0.1]}),
    PLAIN: pd.DataFrame({"loss": [0.4, 0.35]}),
}


def test_a_metric_of_probabilities_is_compared_given_the_test_set():
    found = Comparisons(TABLES, {}, None).compare(TWINS, PLAIN, "loss")
    assert (found.seeds, found.covers, found.variance) == ([0, 1], "seeds", None)
    assert found.interval == found.over_seeds.interval
    assert found.false_claim == pytest.approx(stats.ttest_rel(found.a, found.b).pvalue / 2)


def test_arms_that_share_no_run_are_not_compared():
    assert Comparisons(TABLES, {}, None).compare(TWINS, ("plain", 0.1), "loss") is None
    later = {**TABLES, PLAIN: TABLES[PLAIN].set_axis([7, 8])}
    assert Comparisons(later, {}, None).compare(TWINS, PLAIN, "loss") is None


def test_equal_differences_over_seeds_are_no_certainty(tmp_path):
    trainings = _trainings(tmp_path, 2)
    first = {run.arm: run for run in trainings if run.seed == 0}
    for run in trainings:
        source = run_folder(tmp_path, first[run.arm])
        for name in ("predictions.parquet", "metrics.json"):
            (run_folder(tmp_path, run) / name).write_bytes((source / name).read_bytes())
    tables = scores.test_metrics(scores.collect_scores(tmp_path, trainings))
    found = read_comparisons(tmp_path, trainings, tables, []).compare(TWINS, PLAIN, "accuracy")
    assert (found.interval, found.p, found.false_claim) == ((None, None), None, None)
    assert "All differences are equal" in found.note


def test_a_run_without_predictions_is_named(tmp_path):
    trainings = _trainings(tmp_path, 1)
    (run_folder(tmp_path, trainings[1]) / "predictions.parquet").unlink()
    with pytest.raises(UserError, match=r"predictions\.parquet is missing: delete its folder"):
        read_comparisons(tmp_path, trainings, {}, [])
