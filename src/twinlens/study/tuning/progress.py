"""Progress of a search: each trial that is settled, and the best so far."""

from typing import TYPE_CHECKING

import numpy as np

from twinlens.console import say
from twinlens.study.running.failures import failure
from twinlens.study.tuning.comparison import best_of
from twinlens.study.tuning.search import Search
from twinlens.study.tuning.storage import all_trials
from twinlens.study.tuning.trials import is_settled, trial_id, worded

if TYPE_CHECKING:
    from optuna import Study
    from optuna.trial import FrozenTrial


class Progress:
    """Reports what is new in a search's folder, whichever process did it."""

    def __init__(self, search: Search, trials: "Study") -> None:
        """Note which trials are settled already."""
        self.search, self.trials = search, trials
        self.own = float(np.mean(search.scores({}) or [np.nan]))
        self.shown = {trial.number for trial in self._settled()}
        say(f"Own settings: {self.own:.3f}. Trials done: {len(self.shown)} of {search.trials}.")

    def report(self, _: int) -> None:
        """Print the trials that are settled since the last call."""
        settled = self._settled()
        for trial in settled:
            if trial.number not in self.shown:
                say(f"Trial {trial.number + 1} of {self.search.trials}: {self._result(trial)}")
        if len(settled) > len(self.shown) and (best := self._best(settled)):
            say(best)
        self.shown = {trial.number for trial in settled}

    def _settled(self) -> list["FrozenTrial"]:
        return [trial for trial in all_trials(self.trials) if is_settled(self.search, trial)]

    def _result(self, trial: "FrozenTrial") -> str:
        if reason := failure(self.search.folder, trial_id(trial.number)):
            return f"failed: {reason}"
        scores = self.search.scores(trial.params)
        after = f", pruned after fold {len(scores)}" if trial.state.name == "PRUNED" else ""
        return f"{np.mean(scores):.3f}{after} ({worded(trial.params)})"

    def _best(self, settled: list["FrozenTrial"]) -> str:
        finished = [trial for trial in settled if trial.state.name == "COMPLETE"]
        if not finished:
            return ""
        scores = [self.search.scores(trial.params) for trial in finished]
        best = best_of(scores, self.search.sign)
        return (
            f"Best so far: trial {finished[best].number + 1} with {np.mean(scores[best]):.3f}; "
            f"own settings {self.own:.3f}."
        )
