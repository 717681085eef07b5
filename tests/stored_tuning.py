"""The results of a search with invented content, for tests of what reads them."""

from stored_runs import ENVIRONMENT
from twinlens.records.tuning import Fold, FoldDifference, SearchRecord, Trial, TuningResults
from twinlens.settings.search import Choices, Range


def _trial(number, scores, state="finished", *, lr=1e-3, reason=None) -> Trial:
    mean = sum(scores) / len(scores) if scores else None
    return Trial(
        number=number,
        values={"train.lr": lr, "train.class_balance": "loss" if number % 2 else "none"},
        state=state,
        scores=scores,
        mean=mean,
        sd=0.01 if len(scores) > 1 else None,
        seconds=60.0,
        reason=reason,
    )


def tuning_results() -> TuningResults:
    """Return a search of five trials on two folds, of which the second is the best."""
    folds = [
        Fold(seed=0, number=n, split=f"tuning/f{n}", hash="h", train=30, val=15) for n in (1, 2)
    ]
    search = SearchRecord(
        settings="s",
        arm="plain",
        metric="balanced_accuracy",
        label_fraction=0.25,
        labelled=180,
        split="drawn",
        data_hash="d",
        split_hash="h",
        space={
            "train.lr": Range(low=1e-4, high=1e-2, log=True),
            "train.class_balance": Choices(("none", "loss")),
        },
        folds=folds,
        notes=["Too few groups to be held out, so always in the training part: df."],
        seed=0,
    )
    return TuningResults(
        search=search,
        asked=5,
        own=_trial(0, [0.5, 0.4], lr=1e-3),
        trials=[
            _trial(1, [0.55, 0.41], lr=2e-3),
            _trial(2, [0.6, 0.5], lr=4e-3),
            _trial(3, [0.3], "pruned", lr=9e-3),
            _trial(4, [], "failed", reason="The loss became nan."),
            _trial(5, [], "left"),
        ],
        best=2,
        difference=FoldDifference(values=[0.1, 0.1], mean=0.1, interval=None),
        selected=FoldDifference(values=[0.1, 0.08], mean=0.09, interval=(-0.02, 0.2)),
        importance={"train.lr": 0.8, "train.class_balance": 0.2},
        warm=False,
        optuna="5.0.0",
        environment=ENVIRONMENT,
        command="twinlens tune study.yaml --out out --trials 5",
    )
