import numpy as np
import pytest
from statsmodels.stats.multitest import multipletests
from synthetic import finish_study

from twinlens.errors import UserError
from twinlens.evaluation.metrics import METRICS
from twinlens.evaluation.uncertainty.sequential import level_at
from twinlens.files import read_json, write_json
from twinlens.records.results import StudyResults
from twinlens.study.analysis.aggregate import collect
from twinlens.study.planning.config import Study
from twinlens.study.running.paths import run_folder

ARMS = {
    "plain": {},
    "twins": {"pretrain": {}},
    "twins on train": {"pretrain": {}, "images": "train"},
    "other tool": {"predictions": "others/seed{seed}-labels{label_fraction}.csv"},
}


def _study(**changes):
    settings = {"data": "data", "seeds": 3, "label_fractions": [0.1, 0.3, 1.0], "arms": ARMS}
    return Study(**settings | {"min_effect": 0.02} | changes)


def _collect(folder, study, **options):
    return collect(folder, study, finish_study(folder, study, **options), {})


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    return _collect(tmp_path_factory.mktemp("study"), _study())


def _values(results, arm, label_fraction=1.0, metric="balanced_accuracy"):
    return results.summary(arm, label_fraction, metric).values


def test_another_tools_predictions_count_as_a_training(results):
    assert results.summary("other tool", 0.1, "accuracy").n == 3
    assert results.difference("other tool", 1.0, "accuracy").n == 3


def test_holms_family_is_every_arm_on_the_primary_metric_at_the_largest_label_fraction(results):
    others = [arm for arm in ARMS if arm != "plain"]
    p = [results.difference(arm, 1.0, "balanced_accuracy").p for arm in others]
    corrected = multipletests(p, method="holm")[1]
    found = {(d.arm, d.label_fraction, d.metric): d.p_holm for d in results.differences}
    family = {(arm, 1.0, "balanced_accuracy"): q for arm, q in zip(others, corrected, strict=True)}
    assert found == {key: pytest.approx(family[key]) if key in family else None for key in found}
    assert "Holm's correction for 3 comparisons" in results.verdict[1]


def test_only_the_primary_metric_asks_for_seeds(results):
    needed = {d.metric: d.seeds_needed for d in results.differences if d.label_fraction < 0.2}
    assert set(needed) == {*METRICS}
    assert {metric for metric, n in needed.items() if n} <= {"balanced_accuracy"}


def test_the_ratio_is_that_of_the_arm_to_the_reference(results):
    found = results.difference("twins", 0.3, "macro_f1").sd_ratio
    sd = [np.std(_values(results, arm, 0.3, "macro_f1"), ddof=1) for arm in ("twins", "plain")]
    assert found == pytest.approx(sd[0] / sd[1])


def test_labels_are_those_of_the_trainings_with_the_validation_images_beside_them(results):
    found = results.label_efficiency
    assert found.labels == {0.1: 100, 0.3: 300, 1.0: 1000}
    assert found.val_labels == 90
    rows = found.equivalent_labels
    assert {row.arm for row in rows} == {"twins", "twins on train", "other tool"}


def test_advice_and_results_survive_their_file(results, tmp_path):
    assert [text.split(":")[0] for text in results.advice] == [
        "Frozen baseline",
        "More seeds",
        "More labels",
        "More unlabelled images",
    ]
    assert "with 8,000 instead of 1,000, 'twins' gained" in results.advice[3]
    results.write(tmp_path / "results.json")
    assert StudyResults.read(tmp_path / "results.json") == results


def test_arms_that_lack_seeds_are_compared_over_those_that_both_have(tmp_path):
    def lacking(run):
        return (run.arm, run.seed) in {("twins", 0), ("plain", 2)}

    found = _collect(tmp_path, _study(), without=lacking)
    assert found.summary("twins", 1.0, "accuracy").seeds == [1, 2]
    assert found.difference("twins", 1.0, "accuracy").seeds == [1]
    assert found.difference("twins on train", 1.0, "accuracy").seeds == [0, 1]
    row = next(r for r in found.label_efficiency.equivalent_labels if r.label_fraction == 0.1)
    assert (row.arm, row.n, row.low, row.high) == ("twins", 1, None, None)


def test_a_study_that_was_stopped_has_not_been_looked_at(tmp_path):
    def lacking(run):
        return (run.seed, run.label_fraction) == (2, 1.0)

    stopped = _collect(tmp_path, _study(), without=lacking)
    assert (stopped.difference("twins", 1.0, "accuracy").n, stopped.looks) == (2, [])
    assert _collect(tmp_path, _study()).looks == [3]


def test_one_seed_has_an_interval_over_test_images(tmp_path):
    found = _collect(tmp_path, _study(seeds=1, label_fractions=[1.0]))
    difference = found.difference("twins", 1.0, "macro_f1")
    low, high = difference.interval
    assert low < difference.mean < high
    assert (difference.covers, difference.p, difference.seeds_interval) == (
        "test images",
        None,
        None,
    )
    assert found.label_efficiency is None
    assert (found.looks, found.test_access) == ([], [])
    assert "on other test images" in found.verdict[1]


def test_a_look_with_more_seeds_is_logged_and_corrected_for(tmp_path):
    few, more = (_collect(tmp_path, _study(seeds=n, label_fractions=[1.0])) for n in (2, 4))
    assert (few.looks, more.looks) == ([2], [2, 4])
    assert [(entry.seeds, entry.by) for entry in more.test_access] == [
        (2, "a look at the results"),
        (4, "a look at the results"),
    ]
    assert more.difference("twins", 1.0, "accuracy").level == level_at([2], 4) > level_at([], 4)
    assert "corrected for 2 looks" in more.verdict[1]
    assert _collect(tmp_path, _study(seeds=4, label_fractions=[1.0])) == more


def test_a_class_without_images_and_a_single_arm_leave_results(tmp_path):
    found = _collect(tmp_path / "absent", _study(seeds=1), absent=["BCC"])
    assert [d.metric for d in found.differences if (d.arm, d.label_fraction) == ("twins", 1)] == [
        *METRICS
    ]
    alone = _collect(tmp_path / "alone", _study(arms={"plain": {}}))
    assert (alone.differences, alone.label_efficiency.equivalent_labels) == ([], [])
    assert "no second arm" in alone.verdict[1]
    assert "no two arms to compare" in alone.advice[1]


def test_a_study_that_has_not_begun_has_results_too(tmp_path):
    found = _collect(tmp_path, _study(), without=lambda _: True)
    assert found.summaries == []
    assert "No run of the reference arm" in found.verdict[0]
    assert ["cannot say" in text for text in found.advice] == [False, True, True, True]


def test_arms_whose_pretraining_saw_test_images_are_named(tmp_path):
    arms = {
        "plain": {},
        "seen": {"pretrain": {}, "images": "all"},
        "unseen": {"pretrain": {}},
        "unfinished": {"pretrain": {"epochs": 1}, "images": "all"},
    }
    study = _study(arms=arms, seeds=1)
    results = _collect(tmp_path, study, without=lambda run: run.arm == "unfinished")
    assert results.transductive == ["seen"]
    assert results.verdict[2:] == [
        "Transductive: the pretraining of 'seen' saw the validation and test images, without "
        "their labels."
    ]


def test_runs_of_several_precisions_are_refused(tmp_path):
    study = _study(seeds=1)
    plan = finish_study(tmp_path, study)
    first = next(run for run in plan if run.kind == "train")
    record = run_folder(tmp_path, first) / "run.json"
    content = read_json(record)
    content["environment"]["precision"] = "bf16"
    write_json(record, content)
    with pytest.raises(UserError, match="mixes runs of the precisions bf16 and fp32"):
        collect(tmp_path, study, plan, {})
