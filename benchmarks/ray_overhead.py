"""What a run of a study costs beside its work, in worker processes and on a Ray cluster.

From the root of the repository:

    OMP_NUM_THREADS=2 python benchmarks/ray_overhead.py

Studies of 20 and of 200 linear probes of 64 synthetic images of 16 px, by two workers with one
thread each. The difference of their times, per run, is what a further run takes; what is beyond
its own seconds by run.json, over the two workers, is overhead. Writes results/ray_overhead.json.
Five minutes.
"""

import time
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import yaml
from in_turns import write_rows
from start import process

import twinlens
from twinlens.records.run import read_run

WORKERS, FEW, MANY = 2, 20, 200
WAYS = {"worker processes": (), "Ray": ("--ray", "local")}


def study_file(data, seeds):
    return {
        "data": str(data),
        "encoder": "resnet18_quarter",
        "precision": "fp32",
        "seeds": seeds,
        "train": {"tuning": "linear_probe", "tta": 1},
        "arms": {"probed": {}},
    }


def main() -> None:
    rows = []
    with TemporaryDirectory() as name:
        folder = Path(name)
        data = twinlens.import_images("phantom:64", folder / "data", size=16, workers=1).path
        for way, options in WAYS.items():
            seconds, own = [], []
            for seeds in (FEW, MANY):
                file, out = folder / f"{seeds}.yaml", folder / f"{way} {seeds}"
                file.write_text(yaml.safe_dump(study_file(data, seeds)))
                began = time.perf_counter()
                process(
                    "-m", "twinlens.cli", "compare", file, "--out", out, "--workers", WORKERS,
                    *options,
                )()  # fmt: skip
                seconds.append(time.perf_counter() - began)
                own = [read_run(path.parent).seconds for path in out.glob("runs/*/run.json")]
            each = (seconds[1] - seconds[0]) / (MANY - FEW)
            row = {"way": way, "runs": MANY, "seconds": round(seconds[1], 1)}
            row |= {"a_further_run_s": round(each, 3), "own_s": round(float(np.mean(own)), 3)}
            row |= {"overhead_s": round(each * WORKERS - float(np.mean(own)), 3)}
            print(row)
            rows.append(row)
    write_rows(rows, "ray_overhead", unit="seconds", packages=["torch", "ray"])


if __name__ == "__main__":
    main()
