"""How near the estimate of a study comes to what its runs then take.

From the root of the repository:

    python benchmarks/estimate.py

Estimates each kind of run of a tiny study on synthetic images (ResNet-18, 48 px), does the runs,
and writes results/estimate.json. Both in processor time of one thread, which other work on the
machine hardly changes. A minute.
"""

import shutil
import time
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import torch
from machine import machine

import twinlens
from twinlens import console
from twinlens.config import parse
from twinlens.data.dataset import open_dataset
from twinlens.data.splits import open_split
from twinlens.files import read_json, write_json
from twinlens.study.estimate.estimate import timing_task
from twinlens.study.estimate.run_timing import seconds
from twinlens.study.planning.config import Study
from twinlens.study.planning.plan import make_plan

STUDY = {
    "encoder": "resnet18",
    "precision": "fp32",
    "seeds": 1,
    "label_fractions": [0.5, 1.0],
    "pretrain": {
        "epochs": 3,
        "batch_size": 32,
        "projector": [256, 256],
        "monitor_points": 2,
        "lr": 1e-3,
    },
    "train": {"epochs": 6, "batch_size": 16, "lr": 1e-3},
    "arms": {
        "twins": {"pretrain": {}},
        "probed": {"pretrain": {}, "train": {"tuning": "linear_probe"}},
    },
}


def main() -> None:
    time.monotonic = time.process_time
    torch.set_num_threads(1)
    console.quiet = True
    rows = []
    with TemporaryDirectory() as folder:
        out = Path(folder)
        path = str(twinlens.import_images("phantom:240", out / "data", size=48, workers=1).path)
        study, data = parse(Study, STUDY | {"data": path}, where="here"), open_dataset(path)
        split = open_split(data)
        for run in make_plan(study, data_hash=data.hash, split_hash=split.hash):
            began = time.monotonic()
            task = timing_task([run], "cpu")
            (told,) = seconds(task, out, task.batch_size)
            took = time.monotonic() - began
            shutil.rmtree(out / "run")
            request = replace(run.request, out=out / run.id, device="cpu")
            if run.kind == "pretrain":
                done = twinlens.pretrain.run(request)
            else:
                done = twinlens.train.run(replace(request, pretrained=out / run.needs))
            real = read_json(done / "run.json")["seconds"]
            rows.append({"run": run.id, "estimated_s": told, "real_s": real, "ratio": told / real})
            rows[-1]["estimating_s"] = took
            print(f"{run.id}: estimated {told:.1f} s in {took:.1f} s, real {real:.1f} s")
    ratio = sum(row["estimated_s"] for row in rows) / sum(row["real_s"] for row in rows)
    print(f"Estimated over real: {ratio:.2f}")
    about = {"command": "python benchmarks/estimate.py", "machine": machine("torch")}
    found = about | {"runs": rows, "ratio": ratio}
    write_json(Path(__file__).parent / "results" / "estimate.json", found)


if __name__ == "__main__":
    main()
