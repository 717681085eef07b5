"""The choice of augmentation and learning rate for derm, on validation images only.

From the root of the repository:

    twinlens import ../shared/data/derm --image image --label diagnosis --group group \
        --split split --size 64 --out data/derm64
    python benchmarks/derm_choices.py data/derm64

Pretrains one ResNet-18 per candidate with Barlow Twins, for a few epochs with one seed, and
evaluates linear probes (standardised features, balanced class weights): within `train`, across
groups, and on `val`, whose rarest classes have 10 to 18 images, so that AUC (one versus rest,
averaged over classes) is more informative than balanced accuracy. Then it fine-tunes, and
evaluates on `val`. No test image is read. Five minutes per pretraining and three per fine-tuning
on two idle cores. An interrupted run resumes.
"""

import re
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from machine import machine
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import balanced_accuracy_score, roc_auc_score
from sklearn.model_selection import GroupKFold, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import twinlens
from twinlens.data.dataset import Dataset, open_dataset
from twinlens.data.splits import open_split
from twinlens.engine.device import make_fabric
from twinlens.evaluation.evaluate import score
from twinlens.files import read_json, write_json
from twinlens.finetuning.phases import fit
from twinlens.inference.embed import embed_rows
from twinlens.pretraining.pretrained_encoder import pretrained_encoder
from twinlens.settings.finetuning import FineTuning

OUT = Path(__file__).parent / "results" / "derm_choices.json"
RUNS = Path("runs/derm-choices")
EPOCHS, LR = 6, 2e-3
PENALTIES = (0.1, 0.01)
PAPER = {
    "crop": {"scale": [0.3, 1.0], "per_batch": False},
    "vertical_flip": {"p": 0.5},
    "blur": {"per_batch": False},
}
STRONG = PAPER | {
    "colour_jitter": {"brightness": 0.4, "contrast": 0.4, "saturation": 0.4, "hue": 0.1}
}

CANDIDATES: dict[str, dict[str, object]] = {
    "random weights": {"epochs": 0, "projector_epochs": 0},
    # The finder suggested .0021.
    "colour as in the paper's code": {
        "epochs": 10,
        "lr": "valley",
        "views": "paper-code",
        "view_changes": PAPER,
    },
    "stronger colour changes": {"epochs": 10, "views": "paper-code", "view_changes": STRONG},
    "no colour changes": {"view_changes": {"colour_jitter": {"p": 0.0}}},
    "weak colour changes (robust)": {},
    # From here on with weak colour changes.
    "rate .0005": {"lr": 5e-4},
    "rate .005": {"lr": 5e-3},
    "projector of two layers, 512 wide": {"projector": [512, 512]},
    "weak colour changes (robust), 30 epochs": {"epochs": 30},
}


BALANCED = {"class_balance": "loss"}
FINE_TUNING: dict[str, dict[str, object]] = {
    "rate .0003": {"lr": 3e-4} | BALANCED,
    "rate .001": {"lr": 1e-3} | BALANCED,
    "rate .001, plain loss": {"lr": 1e-3},
}
"""20 epochs, batches of 32; from random weights and, after 30 epochs of pretraining, from those."""


def main() -> None:
    data = open_dataset(sys.argv[1])
    found = read_json(OUT) if OUT.exists() else {"probed": {}, "fine-tuned": {}}
    for name, settings in CANDIDATES.items():
        if name not in found["probed"]:
            settings = {"epochs": EPOCHS, "lr": LR} | settings
            if not run_of(name).exists():
                twinlens.pretrain(
                    data.path, run_of(name), encoder="resnet18", settings=settings, resume=True
                )
            found["probed"][name] = probe(run_of(name), data)
            keep(found)
    starts = {start: run_of(start) for start in ([*CANDIDATES][-1], "random weights")}
    for name, settings in FINE_TUNING.items():
        for start, run in starts.items():
            if f"{start}, {name}" not in found["fine-tuned"]:
                found["fine-tuned"][f"{start}, {name}"] = finetune(run, data, settings)
                keep(found)


def run_of(candidate: str) -> Path:
    return RUNS / re.sub(r"[^a-z0-9]+", "-", candidate).strip("-")


def keep(found: dict[str, object]) -> None:
    print(found, flush=True)
    about = {"command": "python benchmarks/derm_choices.py data/derm64", "machine": machine()}
    write_json(OUT, about | found)


def finetune(run: Path, data: Dataset, settings: dict[str, object]) -> dict[str, float]:
    """Return scores on val of a fine-tuned encoder, of the image itself."""
    config = FineTuning.model_validate({"epochs": 20, "batch_size": 32} | settings)
    rows, fabric = open_split(data).rows, make_fabric()
    encoder, _ = pretrained_encoder(run)
    with TemporaryDirectory() as folder:
        head, _ = fit(
            encoder, data, rows["train"], config, fabric, Path(folder), 0, len(rows["train"])
        )
    tta = {"views": 1, "clean": True, "recipe": {}, "seed": 0}
    _, table = score(encoder, head, data, rows["val"], "val", tta=tta, fabric=fabric)
    p = table[[f"p_{name}" for name in data.classes]].to_numpy()
    return scores_of("val", data.labels[rows["val"]], p / p.sum(axis=1, keepdims=True))


def scores_of(part: str, truth: np.ndarray, p: np.ndarray) -> dict[str, float]:
    balanced = balanced_accuracy_score(truth, p.argmax(axis=1))
    auc = roc_auc_score(truth, p, multi_class="ovr")
    return {f"{part}, balanced accuracy": round(balanced, 4), f"{part}, AUC": round(auc, 4)}


def probe(run: Path, data: Dataset) -> dict[str, dict[str, float]]:
    """Return scores of linear probes by penalty: within train across groups, and on val."""
    rows, fabric = open_split(data).rows, make_fabric()
    train, val = rows["train"], rows["val"]
    encoder = pretrained_encoder(run)[0].to(fabric.device)
    x, x_val = (embed_rows(encoder, data, some, fabric) for some in (train, val))
    y, groups, scores = data.labels[train], data.table["group"].iloc[train], {}
    for c in PENALTIES:
        model = make_pipeline(
            StandardScaler(), LogisticRegression(C=c, class_weight="balanced", max_iter=500)
        )
        folds = GroupKFold(4)
        crossed = cross_val_predict(model, x, y, groups=groups, cv=folds, method="predict_proba")
        p_val = model.fit(x, y).predict_proba(x_val)
        scores[f"C = {c:g}"] = scores_of("train", y, crossed) | scores_of(
            "val", data.labels[val], p_val
        )
    return scores


if __name__ == "__main__":
    main()
