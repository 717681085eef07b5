from twinlens.study.running import execute
from twinlens.study.running.execute import Execution
from twinlens.study.running.failures import note_failure
from twinlens.study.tuning.progress import Progress
from twinlens.study.tuning.storage import all_trials, open_trials, suggest
from twinlens.study.tuning.trials import run_trials, trial_id


def _begun(search):
    for fold in search.folds:
        execute._carry_out(search.plan({}, fold)[-1], Execution([], search.folder, "cpu"))
    return open_trials(search.folder)


def test_each_settled_trial_is_told_once_with_the_best_so_far(search, done, capsys):
    progress = Progress(search, _begun(search))
    assert capsys.readouterr().err == "Own settings: 0.680. Trials done: 0 of 6.\n"
    run_trials(search)
    progress.report(1)
    text = capsys.readouterr().err
    assert [f"Trial {n} of 6: 0." in text for n in range(1, 7)] == [True] * 6
    assert text.count("Best so far: trial ") == 1
    assert text.strip().endswith("; own settings 0.680.")
    progress.report(1)
    assert capsys.readouterr().err == ""
    Progress(search, open_trials(search.folder))
    assert "Trials done: 6 of 6." in capsys.readouterr().err


def test_a_failure_is_told_with_its_reason(search, done, capsys):
    trials = _begun(search)
    progress = Progress(search, trials)
    suggest(trials, search.space, 0)
    note_failure(search.folder, trial_id(0), ValueError("No memory."))
    progress.report(1)
    assert "Trial 1 of 6: failed: ValueError: No memory." in capsys.readouterr().err
    assert len(all_trials(trials)) == 1
