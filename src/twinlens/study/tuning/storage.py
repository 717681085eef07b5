"""Optuna's study of a search: its trials in a journal file, which survives any interruption."""

from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

from filelock import FileLock

from twinlens.errors import require
from twinlens.seeds import derive
from twinlens.settings.search import SearchSpace
from twinlens.study.tuning.space import distributions

if TYPE_CHECKING:
    from optuna import Study
    from optuna.trial import FrozenTrial

JOURNAL = "trials.log"
_NAME = "search"
_UNPRUNED = 5  # trials that run to the end before the median of a fold says anything


def open_trials(folder: Path) -> "Study":
    """Open the trials of a search for this process, and begin with none.

    The journal's lock is the operating system's: unlike Optuna's own, none is left over where a
    process was killed. Nothing else may write to the journal meanwhile.

    Raises:
        UserError: Optuna is not installed.
    """
    optuna = optuna_package()
    journal = folder / JOURNAL
    lock = FileLock(f"{journal}.lock")
    with lock:
        _drop_half_a_line(journal)
    backend = optuna.storages.journal.JournalFileBackend(str(journal), lock_obj=lock)
    storage = optuna.storages.JournalStorage(backend)
    pruner = optuna.pruners.MedianPruner(n_startup_trials=_UNPRUNED, n_warmup_steps=1)
    try:
        return optuna.load_study(study_name=_NAME, storage=storage, pruner=pruner)  # type: ignore[no-any-return]
    except KeyError:
        return optuna.create_study(  # type: ignore[no-any-return]
            study_name=_NAME, storage=storage, pruner=pruner, direction="maximize"
        )


def optuna_package() -> ModuleType:
    """Import Optuna, which then reports warnings only.

    Raises:
        UserError: It is not installed.
    """
    optuna = require("optuna", extra="tune")
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    return optuna


def suggest(trials: "Study", space: SearchSpace, seed: int) -> None:
    """Add a trial, with values by the tree-structured Parzen estimator (Bergstra et al. 2011).

    They depend on the trials before it, the space and the seed alone, so that one process suggests
    the same after an interruption as without. One process at a time may do this. Values are drawn
    in memory and added in one entry, so that an interruption leaves no trial without some of them.
    """
    optuna = optuna_package()
    known = all_trials(trials)
    sampler = optuna.samplers.TPESampler(seed=derive(seed, "trial", len(known)) % 2**32)
    draft = optuna.create_study(sampler=sampler, direction="maximize")
    draft.add_trials(known)
    drawn = draft.ask(distributions(space))
    running = optuna.trial.TrialState.RUNNING
    trials.add_trial(
        optuna.trial.create_trial(
            state=running, params=drawn.params, distributions=drawn.distributions
        )
    )


def all_trials(trials: "Study") -> list["FrozenTrial"]:
    """Return the trials in their order, those of other processes included."""
    return trials.get_trials(deepcopy=False)


def _drop_half_a_line(journal: Path) -> None:
    """Drop an entry that a full disk cut off: Optuna would refuse the entries after it."""
    content = journal.read_bytes() if journal.exists() else b""
    if content and not content.endswith(b"\n"):
        with journal.open("r+b") as file:
            file.truncate(content.rfind(b"\n") + 1)
