import pytest

from stored_tuning import tuning_results
from twinlens.records.tuning import TuningResults


@pytest.mark.parametrize("value", ["valley", 0.1, 1, True, None])
def test_what_is_stored_is_read_back_with_the_types_of_values(tmp_path, value):
    results = tuning_results()
    own = results.own.model_copy(update={"values": {"train.lr": value}})
    results.model_copy(update={"own": own}).write(tmp_path / "tuning.json")
    read = TuningResults.read(tmp_path / "tuning.json")
    assert read == results.model_copy(update={"own": own})
    assert type(read.own.values["train.lr"]) is type(value)


def test_trials_are_left_until_they_are_finished_pruned_or_failed():
    results = tuning_results()
    assert results.left == 1
    assert results.model_copy(update={"asked": 9}).left == 5
    assert results.best_trial == results.trials[1]
    assert results.model_copy(update={"best": None}).best_trial is None
