"""A search: what is tried, on which folds, and how well a trial did."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from twinlens.evaluation.metrics import METRICS
from twinlens.records.plan import PlannedRun
from twinlens.records.tuning import Fold
from twinlens.settings.search import SearchSpace, Value
from twinlens.study.planning.config import Study
from twinlens.study.planning.plan import make_plan
from twinlens.study.running.paths import is_finished, read_metrics
from twinlens.study.tuning.space import with_values


@dataclass(frozen=True)
class Search:
    """What every process that works on a search needs to know.

    Attributes:
        study: The study, with its precision resolved.
        arm: Name of the arm whose settings are searched.
        space: What is tried for each of them.
        folds: What each trial is scored on, in this order.
        data_hash: Hash of the data set.
        folder: Folder of the search.
        trials: Number of trials.
        seed: Seed of the suggestions.
        device: "auto", "cpu", "cuda" or "mps".
        deadline: When to stop gracefully, by `time.time`.
    """

    study: Study
    arm: str
    space: SearchSpace
    folds: Sequence[Fold]
    data_hash: str
    folder: Path
    trials: int
    seed: int
    device: str
    deadline: float

    @property
    def sign(self) -> int:
        """1 where a larger score is better, -1 where a smaller one is."""
        return METRICS[self.study.primary_metric].sign

    def plan(self, values: Mapping[str, Value], fold: Fold) -> list[PlannedRun]:
        """Return the runs that score some values on a fold; the last one is the training.

        Runs with equal settings are the same, so that trials share a pretraining whose settings
        they do not change.

        Args:
            values: By setting; none for the arm's own.
            fold: One of `folds`.
        """
        changed = with_values(self.study, self.arm, values)
        alone = changed.model_copy(
            update={
                "arms": {self.arm: changed.arms[self.arm]},
                "seeds": [fold.seed],
                "label_fractions": [1.0],
                "split": fold.split,
            }
        )
        return make_plan(alone, data_hash=self.data_hash, split_hash=fold.hash)

    def score(self, values: Mapping[str, Value], fold: Fold) -> float | None:
        """Return the score of some values on a fold; None where it is not known yet."""
        training = self.plan(values, fold)[-1]
        if not is_finished(self.folder, training):
            return None
        val = read_metrics(self.folder, training).parts["val"]
        return val.metrics[self.study.primary_metric]

    def scores(self, values: Mapping[str, Value]) -> list[float]:
        """Return the scores of some values on the first folds, as far as they are known."""
        known = []
        for fold in self.folds:
            score = self.score(values, fold)
            if score is None:
                break
            known.append(score)
        return known
