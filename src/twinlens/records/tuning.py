"""What a search of settings keeps: ``search.json``, what it is; ``tuning.json``, its results."""

from typing import Literal

from twinlens.records.base import Record
from twinlens.records.run import Environment
from twinlens.settings.search import SearchSpace, Values


class Fold(Record):
    """What a trial is scored on once.

    Attributes:
        seed: Seed of the run, and of the draw of the folds.
        number: Number of the fold, from 1.
        split: Name of the split that holds it out.
        hash: Hash of that split.
        train: Number of labelled training images.
        val: Number of validation images.
    """

    seed: int
    number: int
    split: str
    hash: str
    train: int
    val: int


class SearchRecord(Record):
    """What a search is. With another one in a folder, its trials would not go together.

    Attributes:
        settings: Digest of the arm's resolved settings.
        arm: Name of the arm.
        metric: The metric that decides.
        label_fraction: Share of the labelled training images that the search uses.
        labelled: Number of labelled training images of which this is the share.
        split: Name of the split of the study.
        data_hash: Hash of the data set.
        split_hash: Hash of the split.
        space: What is tried for each setting.
        folds: What each trial is scored on.
        notes: Sentences on the folds.
        seed: Seed of the suggestions.
    """

    settings: str
    arm: str
    metric: str
    label_fraction: float
    labelled: int
    split: str
    data_hash: str
    split_hash: str
    space: SearchSpace
    folds: list[Fold]
    notes: list[str]
    seed: int


class Trial(Record):
    """Some values of the settings, and how they did.

    Attributes:
        number: Number of the trial, from 1; 0 for the arm's own settings.
        values: Values by setting; for the arm's own settings what it has, where that is one value.
        state: "finished" on all folds; "pruned", given up after some of them; "failed"; "left",
            not done yet.
        scores: Score on each fold, as far as they are known.
        mean: Their mean; null without any.
        sd: Their standard deviation; null for fewer than two.
        seconds: Time of its trainings.
        reason: Why it failed.
    """

    number: int
    values: Values
    state: Literal["finished", "pruned", "failed", "left"]
    scores: list[float]
    mean: float | None
    sd: float | None
    seconds: float
    reason: str | None = None


class FoldDifference(Record):
    """Scores on the folds minus those of the arm's own settings.

    Attributes:
        values: Difference of each fold.
        mean: Their mean.
        interval: At 95 %, which allows for training images that folds share; null for none.
    """

    values: list[float]
    mean: float
    interval: tuple[float, float] | None


class TuningResults(Record):
    """Content of ``tuning.json``.

    Attributes:
        search: What the search is.
        asked: Number of trials that were asked for.
        own: The arm's own settings.
        trials: The trials in their order.
        best: Number of the finished trial with the best mean; null without any.
        difference: Of the best trial from the arm's own settings; what selected it makes it look
            better than it is.
        selected: The same, where for each fold the trial with the best mean over the *other* folds
            is scored: what selection gains on images that took no part in it. Null for fewer than
            two finished trials.
        importance: Share of the variance of scores that each setting explains; null where this
            cannot be said.
        warm: Whether the encoder's weights have seen the folds' images before, without labels.
        optuna: Version of Optuna.
        environment: Where the search ran.
        command: The command that does the same search.
    """

    search: SearchRecord
    asked: int
    own: Trial
    trials: list[Trial]
    best: int | None
    difference: FoldDifference | None
    selected: FoldDifference | None
    importance: dict[str, float] | None
    warm: bool
    optuna: str
    environment: Environment
    command: str

    @property
    def left(self) -> int:
        """Number of trials that are not done yet."""
        done = sum(trial.state != "left" for trial in self.trials)
        return max(0, self.asked - done)

    @property
    def best_trial(self) -> Trial | None:
        """The best trial."""
        return next((trial for trial in self.trials if trial.number == self.best), None)
