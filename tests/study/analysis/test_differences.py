import numpy as np
import pytest
from scipy import stats
from statsmodels.stats.multitest import multipletests
from synthetic import finish_study

from twinlens.records.scores import Scores
from twinlens.study.analysis.aggregate import collect
from twinlens.study.analysis.verdict import holm_family, main_differences
from twinlens.study.planning.config import Study
from twinlens.study.running.paths import run_folder

ARMS = {"plain": {}, "twins": {"pretrain": {}}, "twice": {"pretrain": {"epochs": 3}}}
FROZEN = ["vicreg, frozen", "barlow_twins, frozen"]
METRIC = "balanced_accuracy"


@pytest.fixture
def collected(tmp_path):
    """Collect a study whose scores on validation images are given by arm, where they are."""

    def make(val=(), *, seeds=3, without=lambda _: False, **changes):
        options = {"data": "data", "seeds": seeds, "arms": ARMS, "label_fractions": [1.0, 0.5]}
        study = Study(**options | {"baselines": ["vicreg", "barlow_twins"]} | changes)
        plan = finish_study(tmp_path, study, without=without)
        for run in plan:
            if run.arm in dict(val):
                path = run_folder(tmp_path, run) / "metrics.json"
                scores = Scores.read(path)
                scores.val.metrics[METRIC] = dict(val)[run.arm]
                scores.write(path)
        return collect(tmp_path, study, plan, {})

    return make


@pytest.mark.parametrize("arm", ["twins", "twice"])
@pytest.mark.parametrize("baseline", FROZEN)
def test_validation_images_choose_the_best_arm_and_the_best_baseline(collected, arm, baseline):
    found = collected({arm: 0.99, baseline: 0.98})
    assert (found.against_baseline.arm, found.against_baseline.baseline) == (arm, baseline)
    assert [row.arm for row in found.against_baseline.differences] == [*ARMS]
    best = found.against_baseline.best
    ours, theirs = (found.summary(name, 1.0, METRIC).values for name in (arm, baseline))
    assert best.values == pytest.approx(np.subtract(ours, theirs))
    assert (best.arm_mean, best.reference_mean) == pytest.approx((np.mean(ours), np.mean(theirs)))
    paired = stats.ttest_rel(ours, theirs).confidence_interval(best.level)
    assert best.seeds_interval == pytest.approx((paired.low, paired.high))
    assert best.covers == "seeds and test images"


def test_an_arm_with_one_seed_is_chosen_only_where_none_has_several(collected):
    alone = ARMS | {"alone": {"seeds": 1, "train": {"epochs": 3}}}
    assert collected({"alone": 1.0, "twins": 0.9}, arms=alone).against_baseline.arm == "twins"


def test_holms_family_holds_the_arms_against_reference_and_best_baseline(collected):
    found = collected({"twins": 0.99, FROZEN[0]: 0.98})
    assert [*holm_family(found)] == [
        ("twins", "plain"),
        ("twice", "plain"),
        *((arm, FROZEN[0]) for arm in ARMS),
    ]
    p = [row.p for row in holm_family(found).values()]
    corrected = [row.p_holm for row in holm_family(found).values()]
    assert corrected == pytest.approx(multipletests(p, method="holm")[1])
    assert {found.difference(arm, 1.0, METRIC).p_holm for arm in FROZEN} == {None}
    assert FROZEN[0] not in main_differences(found)
    assert "by Holm's correction for 5 comparisons" in found.verdict[1]


def test_a_reference_that_is_the_best_baseline_is_tested_once(collected):
    found = collected({FROZEN[0]: 0.98}, reference=FROZEN[0])
    assert [*holm_family(found)] == [(arm, FROZEN[0]) for arm in ARMS]
    rows = found.against_baseline.differences
    assert [row.p_holm for row in rows] == [
        found.difference(arm, 1.0, METRIC).p_holm for arm in ARMS
    ]


def test_without_baseline_or_finished_runs_there_is_no_comparison(collected, tmp_path):
    assert collected(baselines=[]).against_baseline is None
    missing = collected(without=lambda run: run.arm in FROZEN)
    assert missing.against_baseline is None
    assert "none is compared yet" in missing.advice[0]


def test_a_single_arm_needs_no_validation_images_to_be_chosen(collected):
    found = collected(arms={"plain": {}}, baselines=["vicreg"])
    assert (found.against_baseline.arm, found.against_baseline.baseline) == ("plain", FROZEN[0])
