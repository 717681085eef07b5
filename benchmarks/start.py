"""How long commands take to start, and how long a finished study takes to be found finished.

From the root of the repository:

    python benchmarks/start.py [ROUNDS]

Each is a process of its own, in turns; the bare interpreter, `import torch` and a first step with
torch alone stand beside them. Processor time of the process counts. Writes results/start.json.
"""

import os
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import yaml
from in_turns import compared, rates, write_rows

import twinlens

STUDY = {
    "encoder": "resnet18_quarter",
    "precision": "fp32",
    "seeds": 2,
    "train": {"epochs": 1, "min_steps": 0, "batch_size": 16, "lr": 1e-3, "tta": 1},
    "arms": {"random": {}, "probed": {"train": {"tuning": "linear_probe"}}},
}


FIRST_STEP = """
import os
from torch.optim.optimizer import register_optimizer_step_post_hook

register_optimizer_step_post_hook(lambda *_: os._exit(0))
"""
"""Ends a process at the first step of any optimiser of torch."""

CALL = """
import sys
import twinlens

call, data, out = sys.argv[1:]
settings = {"batch_size": 16, "lr": 1e-3}
getattr(twinlens, call)(
    data, out, encoder="resnet18_quarter", device="cpu", precision="fp32", settings=settings
)
"""
ALONE = """
import torch

model = torch.nn.Conv2d(3, 16, 7)
optimiser = torch.optim.AdamW(model.parameters(), fused=True)
model(torch.rand(16, 3, 32, 32)).sum().backward()
optimiser.step()
"""


def process(*arguments, **variables):
    """Return a task that runs Python with arguments, and environment variables changed."""

    def task():
        command = [sys.executable, *map(str, arguments)]
        env = os.environ | variables
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, env=env)
        return 1

    return task


def children() -> float:
    """Return the processor time of all processes that were started and have ended."""
    times = os.times()
    return times.children_user + times.children_system


def main() -> None:
    rounds = int((sys.argv[1:2] or [5])[0])
    with TemporaryDirectory() as folder:
        out = Path(folder)
        data = twinlens.import_images("phantom:240", out / "data", size=32, workers=1).path
        (out / "study.yaml").write_text(yaml.safe_dump(STUDY | {"data": str(data)}))
        cli = ("-m", "twinlens.cli")
        compare = process(*cli, "compare", out / "study.yaml", "--out", out / "runs")
        compare()
        tasks = {
            "python": process("-c", ""),
            "import twinlens": process("-c", "import twinlens"),
            "twinlens --help": process(*cli, "--help"),
            "twinlens train --help": process(*cli, "train", "--help"),
            "import torch": process("-c", "import torch"),
            "a first step, torch alone": process("-c", FIRST_STEP + ALONE),
            "train, until its first step": process(
                "-c", FIRST_STEP + CALL, "train", data, out / "t"
            ),
            "pretrain, until its first step": process(
                "-c", FIRST_STEP + CALL, "pretrain", data, out / "p"
            ),
            "compare on a finished study": compare,
        }
        found = rates(tasks, rounds, children)
    rows = [
        {"name": row["name"], "seconds": round(1 / row["per_second"], 2)}
        for row in compared(found, "python")
    ]
    write_rows(rows, "start", unit="seconds of processor time", packages=["torch"])


if __name__ == "__main__":
    main()
