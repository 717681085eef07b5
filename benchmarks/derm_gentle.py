"""How gently to fine-tune with 179 labels, chosen on validation images only.

From the root of the repository, on a data set without the test images:

    python -c "import pandas as pd; t = pd.read_csv('../shared/data/derm/labels.csv'); \
        t[t.split != 'test'].to_csv('dev.csv', index=False)"
    twinlens import dev.csv --root ../shared/data/derm --image image --label diagnosis \
        --group group --split split --size 64 --out data/dev64
    python benchmarks/derm_gentle.py data/dev64 ENCODER

EfficientNet-Lite0 from ImageNet (ENCODER: ../shared/weights/tf_efficientnet_lite0_timm.pth) or from
a further pretraining (runs/pre64/encoder.safetensors, docs/results.md), three seeds, one training a
row. Adds rows to results/derm_gentle.json; what is there is not trained again. About an hour for
each encoder on one core.
"""

import sys
from pathlib import Path

import torch
from machine import machine

import twinlens
from twinlens.files import read_json, write_json

OUT = Path(__file__).parent / "results" / "derm_gentle.json"
RUNS = Path("runs/derm-gentle")
SEEDS = range(3)
PLAIN = {
    "class_balance": "loss",
    "epochs": 8,
    "batch_size": 32,
    "lr": 1e-3,
    "tta": 1,
    "precision": "fp32",
    "probe_c": 0.01,
}
LP_FT, FIXED = {"head_init": "probe"}, {"fixed_statistics": True}
CANDIDATES: dict[str, dict[str, object]] = {
    "40 steps": {"min_steps": 40},
    "40 steps, LP-FT": {"min_steps": 40} | LP_FT,
    "100 steps": {"min_steps": 100},
    "100 steps, LP-FT": {"min_steps": 100} | LP_FT,
    "100 steps, LP-FT, rate .0003": {"min_steps": 100, "lr": 3e-4} | LP_FT,
    "100 steps, LP-FT, layer decay .7": {"min_steps": 100, "layer_decay": 0.7} | LP_FT,
    "100 steps, LP-FT, WiSE-FT .5": {"min_steps": 100, "wise_ft": 0.5} | LP_FT,
    "100 steps, LP-FT, fixed statistics": {"min_steps": 100} | LP_FT | FIXED,
    "100 steps, LP-FT, fixed statistics, logit adjustment": {
        "min_steps": 100,
        "class_balance": "logit_adjustment",
    }
    | LP_FT
    | FIXED,
    "100 steps, fixed statistics": {"min_steps": 100} | FIXED,
    "300 steps": {"min_steps": 300},
    "300 steps, LP-FT, rate .0003": {"min_steps": 300, "lr": 3e-4} | LP_FT,
    "300 steps, LP-FT, fixed statistics": {"min_steps": 300} | LP_FT | FIXED,
    "300 steps, fixed statistics": {"min_steps": 300} | FIXED,
    "probed": {"tuning": "linear_probe"},
}


def main() -> None:
    data, weights = sys.argv[1:3]
    torch.set_num_threads(1)
    rows = read_json(OUT)["rows"] if OUT.exists() else []
    known = {(row["weights"], row["name"], row["seed"]) for row in rows}
    for seed in SEEDS:
        for name, settings in CANDIDATES.items():
            key = (Path(weights).name, name, seed)
            if key in known:
                continue
            run = twinlens.train(
                data,
                RUNS / Path(weights).stem / f"{name} {seed}",
                encoder="timm/tf_efficientnet_lite0",
                weights=weights,
                settings=PLAIN | settings,
                label_fraction=0.1,
                seed=seed,
                device="cpu",
                overwrite=True,
            )
            metrics = read_json(run / "metrics.json")["parts"]["val"]["metrics"]
            scores = {name: round(metrics[name], 3) for name in ("balanced_accuracy", "accuracy")}
            rows.append(dict(zip(("weights", "name", "seed"), key, strict=True)) | scores)
            print(rows[-1])
            about = {"command": "python benchmarks/derm_gentle.py data/dev64 ENCODER"}
            write_json(OUT, about | {"machine": machine("torch", "timm"), "rows": rows})


if __name__ == "__main__":
    main()
