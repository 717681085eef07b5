import pytest
from synthetic import finish_study

from twinlens.errors import UserError
from twinlens.evaluation.metrics import METRICS
from twinlens.evaluation.statistics import NO_INTERVAL
from twinlens.study.analysis.paired_bootstrap import resample
from twinlens.study.planning.config import Study
from twinlens.study.running.paths import run_folder


def _runs(folder, seeds):
    """The finished trainings of two arms, by seed: those with a pretraining, and the others."""
    study = Study(data="data", seeds=seeds, arms={"plain": {}, "twins": {"pretrain": {}}})
    plan = [run for run in finish_study(folder, study) if run.kind == "train"]
    return [{r.seed: r for r in plan if r.arm == arm} for arm in ("twins", "plain")]


@pytest.mark.parametrize("seeds", [1, 10])
def test_one_seed_compares_two_models_and_ten_or_more_vary_with_the_groups(tmp_path, seeds):
    twins, plain = _runs(tmp_path, seeds)
    resampled = resample(tmp_path, {"twins": twins}, plain)
    assert set(resampled) == {("twins", metric) for metric in METRICS}
    for found in resampled.values():
        assert (found.pair is None) == (seeds > 1)
        low, high = found.pair.interval if found.pair else found.seeds_and_groups
        assert low < high
        assert (found.seeds_and_groups == NO_INTERVAL) == (seeds == 1)


def test_a_few_seeds_have_neither(tmp_path):
    twins, plain = _runs(tmp_path, 3)
    assert resample(tmp_path, {"twins": twins}, plain) == {}


def test_a_run_without_predictions_is_named(tmp_path):
    twins, plain = _runs(tmp_path, 1)
    (run_folder(tmp_path, twins[0]) / "predictions.parquet").unlink()
    with pytest.raises(UserError, match=r"predictions\.parquet is missing: delete its folder"):
        resample(tmp_path, {"twins": twins}, plain)
