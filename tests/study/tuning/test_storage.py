import sys

import optuna
import pytest

from twinlens.errors import UserError
from twinlens.study.tuning.storage import JOURNAL, all_trials, open_trials, suggest


def _suggested(search, count, *, reopen=False, seed=0):
    """The values of so many trials, each of which scores its learning rate."""
    trials = open_trials(search.folder)
    while len(all_trials(trials)) < count:
        if reopen:
            trials = open_trials(search.folder)
        suggest(trials, search.space, seed)
        trial = all_trials(trials)[-1]
        trials.tell(trial.number, trial.params["train.lr"])
    return [trial.params for trial in all_trials(trials)]


def test_suggestions_depend_on_the_seed_and_not_on_interruptions(search, tmp_path, monkeypatch):
    from dataclasses import replace

    copies = [replace(search, folder=tmp_path / name) for name in "abc"]
    for copy in copies:
        copy.folder.mkdir()
    at_once = _suggested(copies[0], 14)
    assert len({str(values) for values in at_once}) == 14
    assert _suggested(copies[1], 14, reopen=True) == at_once
    assert _suggested(copies[2], 14, seed=1) != at_once


def test_they_tend_towards_what_did_well(search):
    values = [params["train.lr"] for params in _suggested(search, 40)]
    early, late = sorted(values[:10])[5], sorted(values[-10:])[5]
    assert late > early
    assert all(1e-4 <= value <= 1e-2 for value in values)


def test_a_trial_has_all_of_its_values_or_is_not_there(search):
    whole = _suggested(search, 3)
    journal = search.folder / JOURNAL
    lines = journal.read_bytes().splitlines(keepends=True)
    for kept in range(1, len(lines)):
        journal.write_bytes(b"".join(lines[:kept]))
        found = [trial.params for trial in all_trials(open_trials(search.folder))]
        assert found == whole[: len(found)]
    assert len(found) == 3


def test_an_entry_that_was_cut_off_does_not_spoil_those_after_it(search):
    _suggested(search, 2)
    with (search.folder / JOURNAL).open("ab") as file:
        file.write(b'{"op_code":4,"wor')
    assert len(_suggested(search, 3)) == 3
    assert len(all_trials(open_trials(search.folder))) == 3


def test_optuna_reads_the_journal_by_itself(search):
    _suggested(search, 2)
    backend = optuna.storages.journal.JournalFileBackend(str(search.folder / JOURNAL))
    storage = optuna.storages.JournalStorage(backend)
    assert len(optuna.load_study(study_name="search", storage=storage).trials) == 2


def test_without_optuna_it_is_said_what_to_install(search, monkeypatch):
    monkeypatch.setitem(sys.modules, "optuna", None)
    with pytest.raises(UserError, match=r"pip install 'twinlens\[tune\]'"):
        open_trials(search.folder)
