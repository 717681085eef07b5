"""A finished study without images: runs whose predictions are drawn, for what reads them."""

import numpy as np
import pandas as pd

from stored_runs import DATA, predictions_run, pretrain_run, train_run
from twinlens.evaluation.scoring import score_predictions
from twinlens.files import write_text
from twinlens.records.plan import PLAN, Plan, PlannedRun, PlannedTraining
from twinlens.records.scores import Scores
from twinlens.requests.train import TrainRequest
from twinlens.seeds import generator
from twinlens.study.planning.config import Study, as_yaml
from twinlens.study.planning.plan import make_plan
from twinlens.study.running.paths import STUDY, run_folder

CLASSES = ["BCC", "MEL", "NV"]
GROUPS = 20  # of each class in each part


def finish_study(folder, study: Study, *, absent=(), without=lambda _: False) -> list[PlannedRun]:
    """Write the runs of a study whose scores grow with labels and pretraining; return the plan.

    Args:
        folder: Folder of the study.
        study: The study.
        absent: Classes of which no image is there.
        without: Which runs are not finished.
    """
    plan = make_plan(study, data_hash="d", split_hash="s")
    table = _images([name for name in CLASSES if name not in absent])
    counts = table.groupby("split")["label"].value_counts().unstack(0).to_dict()
    data = DATA.model_copy(update={"classes": CLASSES, "counts": counts})
    write_text(folder / STUDY, as_yaml(study))
    Plan(runs=plan).write(folder / PLAN)
    for run in plan:
        if not without(run):
            _finish(run_folder(folder, run), run, table, data, study)
    return plan


def planned_training(name, *, arm="plain", seed=0, label_fraction=1.0, needs=None):
    """Return a training of a plan, of which the name alone matters."""
    request = TrainRequest(arm, "", seed=seed)
    return PlannedTraining(
        id=name, arm=arm, seed=seed, label_fraction=label_fraction, needs=needs, request=request
    )


def _images(classes) -> pd.DataFrame:
    """Val and test images, groups of one or two."""
    names = [(part, c, g) for part in ("val", "test") for c in classes for g in range(GROUPS)]
    rows = [name for name in names for _ in range(1 + name[2] % 2)]
    table = pd.DataFrame(rows, columns=["split", "label", "number"])
    table["group"] = table["split"] + table["label"] + table["number"].astype(str)
    return table.drop(columns="number").assign(id=[f"image{i}" for i in range(len(table))])


def _finish(folder, run, table, data, study) -> None:
    if run.kind == "pretrain":
        count = {"all": 9000, "unlabelled": 8000, "train": 1000}[run.request.images]
        pretrain_run(request=run.request, seed=run.seed, images=count, data=data).write(
            folder / "run.json"
        )
        return
    arm = study.arms[run.arm]
    what = {"seed": run.seed, "label_fraction": run.label_fraction, "data": data}
    if run.kind == "train":
        record = train_run(
            **what,
            transductive=arm.pretrain is not None and arm.images == "all",
            images=round(1000 * run.label_fraction),
        )
    else:
        record = predictions_run(**what)
    record.write(folder / "run.json")
    skill = 1 + np.log10(run.label_fraction) / 2 + (0.5 if arm.pretrain is not None else 0)
    labels = pd.Categorical(table["label"], categories=CLASSES).codes.astype(int)
    noise = generator(run.seed, run.id).normal(size=(len(table), len(CLASSES)))
    logits = noise + skill * np.eye(len(CLASSES))[labels]
    p = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    test = (table["split"] == "test").to_numpy()
    parts = {"val": ~test, "test": test}
    scores = {n: score_predictions(labels[rows], p[rows], CLASSES) for n, rows in parts.items()}
    Scores(parts=scores).write(folder / "metrics.json")
    columns = [f"p_{name}" for name in CLASSES]
    predictions = table.join(pd.DataFrame(p, columns=columns))
    predictions.to_parquet(folder / "predictions.parquet", index=False)
