import math
import shutil

import pytest
import yaml

from stored_runs import train_run
from twinlens.files import write_json
from twinlens.records.scores import PartScores, Scores
from twinlens.records.tuning import Fold
from twinlens.settings.search import Choices, Range
from twinlens.study.planning.config import Study
from twinlens.study.running import execute
from twinlens.study.running.paths import run_folder
from twinlens.study.tuning.search import Search

TUNED = {
    "encoder": "resnet18_quarter",
    "precision": "fp32",
    "seeds": 2,
    "train": {"epochs": 1, "batch_size": 16, "lr": 1e-4, "tta": 1, "head_epochs": 0},
    "search": {"train.lr": {"low": 1e-4, "high": 1e-2, "log": True}, "train.epochs": [1, 2]},
    "arms": {"plain": {}},
}


def skill(settings, split):
    """A score that is best at a learning rate of 1e-3, and lower on later folds."""
    return 0.8 - 0.1 * (math.log10(settings["lr"]) + 3) ** 2 - 0.01 * int(split[-1])


@pytest.fixture
def done(monkeypatch):
    """The ids of the runs in the order in which they were done; each takes no time."""
    order = []

    def do(run, execution):
        order.append(run.id)
        folder = run_folder(execution.study, run)
        (folder / "model").mkdir(parents=True)
        if run.kind == "pretrain":
            write_json(folder / "run.json", {})
            return
        metrics = {"balanced_accuracy": skill(run.request.settings, run.request.split)}
        part = PartScores(n=8, metrics=metrics, per_class={}, confusion=[])
        Scores(parts={"val": part}).write(folder / "metrics.json")
        train_run(seed=run.seed).write(folder / "run.json")

    monkeypatch.setattr(execute, "_carry_out", do)
    monkeypatch.setattr(execute, "POLL_S", 0.01)
    return order


@pytest.fixture
def search(tmp_path):
    """A search of 6 trials on 3 folds whose data set is never opened."""
    folds = [
        Fold(seed=0, number=n, split=f"tuning/fold{n}", hash=f"h{n}", train=20, val=10)
        for n in (1, 2, 3)
    ]
    study = Study.model_validate(TUNED | {"data": "nowhere"})
    space = {
        "train.lr": Range(low=1e-4, high=1e-2, log=True),
        "train.epochs": Choices((1, 2)),
    }
    (tmp_path / "tuned" / "runs").mkdir(parents=True)
    return Search(
        study=study,
        arm="plain",
        space=space,
        folds=folds,
        data_hash="d",
        folder=tmp_path / "tuned",
        trials=6,
        seed=0,
        device="cpu",
        deadline=math.inf,
    )


@pytest.fixture
def study_file(phantoms, tmp_path):
    """A study of one arm with something to search, on a data set of its own."""
    shutil.copytree(phantoms, tmp_path / "data")
    path = tmp_path / "study.yaml"
    path.write_text(
        yaml.safe_dump(TUNED | {"data": str(tmp_path / "data")}, sort_keys=False), encoding="utf-8"
    )
    return path
