import pytest

from stored_runs import ENVIRONMENT
from twinlens.records.tuning import Fold, SearchRecord, Trial, TuningResults
from twinlens.settings.search import Choices, Range


def _trial(number, state):
    return Trial(number=number, values={"train.lr": "valley", "train.tta": 1}, state=state,
                 scores=[], mean=None, sd=None, seconds=0.0)  # fmt: skip


@pytest.fixture
def results():
    search = SearchRecord(
        study="s", arm="a", metric="accuracy", label_fraction=1.0, labelled=9, split="s",
        data_hash="d", split_hash="h", notes=[], seed=0,
        space={"train.lr": Choices(("valley", 0.1)), "train.tta": Range(low=1, high=3)},
        folds=[Fold(seed=0, number=1, split="s", hash="h", train=6, val=3)],
    )  # fmt: skip
    states = ("finished", "pruned", "failed", "left")
    return TuningResults(
        search=search, asked=6, own=_trial(0, "finished"), best=1, difference=None, selected=None,
        trials=[_trial(n, state) for n, state in enumerate(states, start=1)], importance=None,
        warm=False, optuna="5.0.0", environment=ENVIRONMENT, command="twinlens tune",
    )  # fmt: skip


def test_what_is_stored_is_read_back_with_the_types_of_values(results, tmp_path):
    results.write(tmp_path / "tuning.json")
    assert TuningResults.read(tmp_path / "tuning.json") == results


def test_trials_are_left_until_they_are_finished_pruned_or_failed(results):
    assert results.left == 3
    assert results.best_trial == results.trials[0]
    assert results.model_copy(update={"best": None}).best_trial is None
