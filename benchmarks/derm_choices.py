"""What was chosen for pretraining on derm, on validation images alone.

From the root of the repository:

    twinlens import ../shared/data/derm --image image --label diagnosis --group group \
        --split split --size 64 --out data/derm64
    python benchmarks/derm_choices.py data/derm64

Pretrains a ResNet-18 a candidate with Barlow Twins, a few epochs and one seed, and scores linear
probes (standardised features, balanced class weights): within `train`, across groups, and on `val`,
whose rarest classes have 10 to 18 images, so that AUC (one against the rest, averaged over classes)
tells more than balanced accuracy. No test image is read. Five minutes a candidate on two idle
cores; goes on where it stopped.
"""

import re
import sys
from pathlib import Path

from machine import machine
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import balanced_accuracy_score, roc_auc_score
from sklearn.model_selection import GroupKFold, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import twinlens
from twinlens.data.batches import reader
from twinlens.data.dataset import open_dataset
from twinlens.data.splits import open_split
from twinlens.evaluation.predict import embed
from twinlens.files import read_json, write_json
from twinlens.finetuning.start import pretrained_encoder
from twinlens.training.device import make_fabric

OUT = Path(__file__).parent / "results" / "derm_choices.json"
RUNS = Path("runs/derm-choices")
EPOCHS, LR = 6, 2e-3
PENALTIES = (0.1, 0.01)
PAPER = {"crop_scale": [0.3, 1.0], "vertical_flip_p": 0.5, "per_batch": []}
STRONG = PAPER | {"brightness": 0.4, "contrast": 0.4, "saturation": 0.4, "hue": 0.1}

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
    "no colour changes": {"view_changes": {"jitter_p": 0.0}},
    "weak colour changes (robust)": {},
}


def main() -> None:
    data = Path(sys.argv[1])
    scores = read_json(OUT)["scores"] if OUT.exists() else {}
    for name, settings in CANDIDATES.items():
        if name in scores:
            continue
        run = RUNS / re.sub(r"[^a-z]+", "-", name).strip("-")
        if not run.exists():
            settings = {"epochs": EPOCHS, "lr": LR} | settings
            twinlens.pretrain(data, run, encoder="resnet18", settings=settings, resume=True)
        scores[name] = probe(run, data)
        print(name, scores[name], flush=True)
        result = {"command": "python benchmarks/derm_choices.py data/derm64", "epochs": EPOCHS}
        write_json(OUT, result | {"scores": scores, "machine": machine()})


def probe(run: Path, folder: Path) -> dict[str, dict[str, float]]:
    """Return scores of linear probes by penalty: within train across groups, and on val."""
    data = open_dataset(folder)
    parts = open_split(data).rows
    encoder, _ = pretrained_encoder(run)
    fabric = make_fabric()
    x, y = (
        {
            part: embed(encoder, reader(data.images, parts[part]), parts[part], size=data.size,
                        batch_size=256, autocast=fabric.autocast)
            for part in ("train", "val")
        },
        {part: data.labels[parts[part]] for part in ("train", "val")},
    )  # fmt: skip
    groups, scores = data.table["group"].iloc[parts["train"]], {}
    for c in PENALTIES:
        model = make_pipeline(
            StandardScaler(), LogisticRegression(C=c, class_weight="balanced", max_iter=500)
        )
        found = {
            "train": cross_val_predict(
                model, x["train"], y["train"], groups=groups, cv=GroupKFold(4),
                method="predict_proba",
            ),
            "val": model.fit(x["train"], y["train"]).predict_proba(x["val"]),
        }  # fmt: skip
        scores[f"C = {c:g}"] = {
            f"{part}, {name}": round(float(value), 4)
            for part, p in found.items()
            for name, value in (
                ("balanced accuracy", balanced_accuracy_score(y[part], p.argmax(axis=1))),
                ("AUC", roc_auc_score(y[part], p, multi_class="ovr")),
            )
        }
    return scores


if __name__ == "__main__":
    main()
