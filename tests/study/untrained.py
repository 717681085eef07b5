"""Finished trainings of a study whose models and predictions are real, and untrained."""

import pandas as pd
import torch
from torch import nn

from twinlens.data.dataset import open_dataset
from twinlens.data.splits import open_split
from twinlens.engine.device import make_fabric
from twinlens.evaluation.evaluate import score
from twinlens.files import write_json
from twinlens.models.bundle import save_bundle
from twinlens.models.encoders import ENCODERS, EncoderSpec, build_encoder
from twinlens.models.heads import classifier
from twinlens.records.bundle import BundleInfo, Provenance, TestTimeAugmentation
from twinlens.records.scores import Scores
from twinlens.records.weights import InitialWeights, Normalisation, TrainedOn
from twinlens.study.planning.config import Study
from twinlens.study.planning.plan import make_plan
from twinlens.study.running.paths import run_folder
from twinlens.views.recipes import RECIPES

VAL = {  # of arm and seed
    ("plain", 0): 0.5,
    ("plain", 1): 0.7,
    ("twins", 0): 0.9,
    ("twins", 1): 0.2,
}
ARMS = {"plain": {}, "twins": {"train": {"lr": 0.1}}}


def study_of(**changes):
    options = {"data": "data", "seeds": 2, "label_fractions": [0.5, 1.0], "arms": ARMS}
    return Study.model_validate(options | changes)


def _finish(folder, run, val, data, split):
    """Store an untrained model as if the run had trained it; its val score is made up."""
    target, fabric = run_folder(folder, run), make_fabric("fp32", "cpu")
    encoder, head = build_encoder("tiny", run.seed), classifier(4, len(data.classes), run.seed)
    with torch.no_grad():
        head.weight.mul_(30 if run.arm == "plain" else -30)
    tta = TestTimeAugmentation(views=2, clean=True, recipe=RECIPES["recommended"], seed=run.seed)
    scores, tables = {}, []
    for part in ("val", "test"):
        found = score(encoder, head, data, split.rows[part], part, tta=tta, fabric=fabric)
        scores[part] = found[0]
        tables.append(found[1])
    scores["val"].metrics["balanced_accuracy"] = val
    Scores(parts=scores).write(target / "metrics.json")
    pd.concat(tables).to_parquet(target / "predictions.parquet", index=False)
    provenance = Provenance(
        trained_on=TrainedOn(data_hash=data.hash, split_hash=split.hash),
        label_fraction=1.0,
        seed=run.seed,
        weights=InitialWeights(name="random"),
        settings={},
    )
    info = BundleInfo(
        encoder="tiny",
        normalisation=Normalisation(mean=encoder.mean, std=encoder.std),
        classes=data.classes,
        size=data.size,
        test_time=tta,
        precision="fp32",
        provenance=provenance,
    )
    save_bundle(target / "model", encoder, head, info)
    write_json(target / "run.json", {})


def finish_untrained(folder, phantoms, monkeypatch):
    """Finish every training of a study, those of half the labels with 1; return its plan."""

    def tiny():
        layers = nn.Conv2d(3, 4, 3, stride=2), nn.BatchNorm2d(4), nn.AdaptiveAvgPool2d(1)
        return nn.Sequential(*layers, nn.Flatten())

    monkeypatch.setitem(ENCODERS, "tiny", EncoderSpec(tiny, feature_dim=4))
    data = open_dataset(phantoms)
    split = open_split(data)
    plan = make_plan(study_of(), data_hash=data.hash, split_hash=split.hash)
    for run in plan:
        val = VAL[run.arm, run.seed] if run.label_fraction == 1 else 1.0
        _finish(folder, run, val, data, split)
    return plan
