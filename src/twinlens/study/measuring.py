"""Time and memory of a run, measured by its first steps, in a process of its own.

This module is the program of that process: what is to be measured comes in as JSON, and what was
found goes out. So nothing counts that was in memory before, and nothing stays there.
"""

import gc
import json
import math
import os
import resource
import sys
import time
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pandas as pd
import torch
from lightning_fabric import Fabric

from twinlens import console
from twinlens.data.dataset import Dataset
from twinlens.data.selection import open_task
from twinlens.data.splits import Split
from twinlens.evaluation.evaluate import score
from twinlens.evaluation.predict import embed_rows
from twinlens.finetuning import fit as finetuning
from twinlens.finetuning.config import FineTuning
from twinlens.finetuning.train import test_time
from twinlens.models.encoders import Encoder, build_encoder
from twinlens.models.heads import HEADS
from twinlens.pretraining import fit as pretraining
from twinlens.pretraining.config import Pretraining, configure
from twinlens.pretraining.evidence import sample, write_evidence
from twinlens.pretraining.images import IMAGES
from twinlens.pretraining.methods import METHODS
from twinlens.pretraining.monitor import SAMPLE, Monitor
from twinlens.pretraining.probing import choose
from twinlens.seeds import derive, generator
from twinlens.splitting.budget import budget
from twinlens.training.device import make_fabric
from twinlens.training.loop import CHECKPOINT_EVERY_S
from twinlens.training.lr_finder import STEPS
from twinlens.training.rehearsal import rehearse, scaled
from twinlens.types import Rows

_LACK_OF_MEMORY = ("can't allocate memory", "could not create a primitive", "bad_alloc")
"""What torch and the libraries below it say on a CPU."""


@dataclass(frozen=True)
class Task:
    """What is to be measured.

    Attributes:
        kind: "pretrain" or "train".
        arguments: Of the run.
        budgets: For a training, the label budgets to tell the time of; the largest is measured.
        data: Folder of the data set.
        split: Name of the split.
        device: "cpu", "cuda" or "mps".
        limit: Bytes of memory that are free; on a CPU of Linux no more is taken.
    """

    kind: str
    arguments: dict[str, Any]
    budgets: list[float]
    data: str
    split: str
    device: str
    limit: int


@dataclass(frozen=True)
class Cost:
    """What was found.

    Attributes:
        seconds: Of a run with each of the budgets, in their order; of a pretraining.
        memory: Largest number of bytes in memory.
        fits: Where the batch needs more memory than there is: the largest power of two that does
            not, or 0.
    """

    seconds: list[float]
    memory: int
    fits: int | None = None


def measure(task: Task) -> Cost:
    """Measure a run; where its batch does not fit into memory, find one that does."""
    batch = task.arguments["settings"]["batch_size"]
    found = _attempt(task, batch)
    if found:
        return found
    smaller = 2 ** math.ceil(math.log2(batch) - 1)
    while smaller > 1 and not _attempt(task, smaller):
        smaller //= 2
    return Cost([], 0, fits=smaller if smaller > 1 else 0)


def _attempt(task: Task, batch_size: int) -> Cost | None:
    """Measure with a batch size; None where there is not enough memory."""
    gc.collect()
    if task.device == "cuda":
        torch.cuda.empty_cache()
    settings = task.arguments["settings"] | {"batch_size": batch_size}
    kind = _pretraining if task.kind == "pretrain" else _training
    try:
        with TemporaryDirectory() as folder:
            return kind(task, task.arguments | {"settings": settings}, Path(folder))
    except (RuntimeError, MemoryError) as error:  # torch.OutOfMemoryError is a RuntimeError
        if isinstance(error, torch.OutOfMemoryError | MemoryError):
            return None
        if task.device == "cpu" and any(text in str(error) for text in _LACK_OF_MEMORY):
            return None
        raise


def _training(task: Task, arguments: dict[str, Any], folder: Path) -> Cost:
    began, seed = time.monotonic(), arguments["seed"]
    config = FineTuning.model_validate(arguments["settings"])
    data, split = open_task(task.data, task.split, config.classes)
    by_budget = [budget(data, split, share, derive(seed, "budget")) for share in task.budgets]
    rows = by_budget[-1]
    fabric, encoder = _begin(task, arguments, config)
    otherwise = time.monotonic() - began
    fit = partial(finetuning.fit, encoder, data, config=config, fabric=fabric, folder=folder)
    if config.tuning == "probe":
        mixed, unit = _mixed(rows, data.labels[rows]), 1
        head = HEADS["linear"](encoder.feature_dim, len(data.classes), seed).to(fabric.device)
        stepping = scaled(lambda size: fit(rows=mixed[:size], seed=seed), len(rows))
    else:
        given = config.model_copy(update={"lr": config.fallback_lr})
        unit = config.batch_size
        head, phases = fit(rows=rows, config=given, seed=seed, through=rehearse)
        stepping, beside = _steps(phases, config.lr == "valley")
        otherwise += beside
    # Images of train stand for those of val and test, which stay unopened.
    seen = np.resize(rows, sum(len(split.rows[part]) for part in ("val", "test")))
    tta = test_time(config, seed)
    evaluate = partial(score, encoder, head, data, part="train", tta=tta, fabric=fabric)
    otherwise += scaled(lambda size: evaluate(rows=seen[:size]), len(seen))
    epochs = [len(some) // unit for some in by_budget]
    return Cost([stepping * e / epochs[-1] + otherwise for e in epochs], _peak(fabric))


def _pretraining(task: Task, arguments: dict[str, Any], folder: Path) -> Cost:
    began, seed = time.monotonic(), arguments["seed"]
    where = "Settings of the pretraining"
    config = configure(arguments["preset"], arguments["settings"], where=where)
    data, split = open_task(task.data, task.split, config.classes)
    rows = IMAGES[arguments["images"]](split)
    fabric, encoder = _begin(task, arguments, config)
    otherwise = time.monotonic() - began
    given = config.model_copy(update={"lr": config.fallback_lr, "keep": "last", "patience": None})
    phases = pretraining.fit(
        encoder,
        data,
        split,
        rows,
        given.model_copy(update={"moments": 0}),
        fabric,
        folder,
        seed,
        through=rehearse,
    )
    stepping, beside = _steps(phases, config.lr == "valley")
    otherwise += beside
    if config.moments:
        looks = min(config.moments, phases["steps"].sum()) + 1
        otherwise += looks * _look(encoder, data, split, rows, given, fabric, folder, seed)
    shown = sample(data, split, rows, seed)
    otherwise += 2 * scaled(
        lambda size: embed_rows(encoder, data, shown[:size], fabric), len(shown)
    )
    features = generator(seed, "estimate").standard_normal((len(shown), encoder.feature_dim))

    def evidence(size: int) -> None:
        some = features[:size].astype(np.float32)
        write_evidence(folder, some, some, shown[:size], data, seed=seed)

    otherwise += scaled(evidence, len(shown))
    return Cost([stepping + otherwise], _peak(fabric))


def _look(
    encoder: Encoder,
    data: Dataset,
    split: Split,
    rows: Rows,
    config: Pretraining,
    fabric: Fabric,
    folder: Path,
    seed: int,
) -> float:
    """Estimate the seconds of one of the monitor's looks."""
    network = METHODS[config.method].network(encoder, config, seed).to(fabric.device)
    probed = choose(data, split, config.probe_budget, seed)
    sampled = min(SAMPLE, len(rows))
    whole = sampled + (len(probed.rows) if probed else 0)

    def look(size: int) -> None:
        share = size / whole
        monitor = Monitor(
            network,
            data,
            split,
            rows[: math.ceil(sampled * share)],
            config.model_copy(update={"probe_budget": config.probe_budget * share}),
            phases={},
            fabric=fabric,
            folder=folder,
            seed=seed,
        )
        monitor.look(0)

    return scaled(look, whole)


def _begin(
    task: Task, arguments: dict[str, Any], config: FineTuning | Pretraining
) -> tuple[Fabric, Encoder]:
    """Return the engine, and the encoder with random weights: they are as fast as any."""
    fabric = make_fabric(config.precision, task.device)
    if task.device == "cuda":
        torch.cuda.reset_peak_memory_stats()
    encoder = build_encoder(arguments["encoder"], arguments["seed"])
    return fabric, encoder.to(fabric.device)


def _steps(phases: pd.DataFrame, finds_lr: bool) -> tuple[float, float]:
    """Return the seconds of all steps, and those of finder and checkpoints."""
    each = phases["steps"] * phases["seconds"]
    checkpoints = 1 + each // CHECKPOINT_EVERY_S
    finder = STEPS * phases["seconds"].iloc[-1] if finds_lr and len(phases) else 0.0
    return float(each.sum()), float(finder + (checkpoints * phases["checkpoint"]).sum())


def _mixed(rows: Rows, labels: Rows) -> Rows:
    """Return rows in an order in which classes take turns, so that any part has several."""
    turn = pd.Series(labels).groupby(labels).cumcount()
    mixed: Rows = rows[np.argsort(turn.to_numpy(), kind="stable")]
    return mixed


def _peak(fabric: Fabric) -> int:
    """Return the largest number of bytes so far: of tensors on a GPU, else of this process."""
    if fabric.device.type == "cuda":
        return torch.cuda.max_memory_allocated()
    if Path("/proc/self/status").exists():  # Linux, whose getrusage knows of earlier processes
        return _status("VmHWM")
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def _status(name: str) -> int:
    """Return a number of bytes that Linux tells of this process."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return 1024 * int(next(line for line in lines if line.startswith(name)).split()[1])


def main() -> None:
    """Measure the tasks on standard input; print a line of JSON for each."""
    console.quiet = True
    for content in json.load(sys.stdin):
        task = Task(**content)
        if sys.platform != "linux":
            _answer(task)
        elif child := os.fork():  # a process each, so that no task counts for the next one
            status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
            if status:
                why = f"its process died ({status}), perhaps for lack of memory."
                print(json.dumps({"error": why}), flush=True)
        else:
            if task.device == "cpu":
                most = _status("VmData") + task.limit
                resource.setrlimit(resource.RLIMIT_DATA, (most, most))
            _answer(task)
            os._exit(0)


def _answer(task: Task) -> None:
    try:
        found: dict[str, Any] = asdict(measure(task))
    except Exception as error:  # the process that asked tells it
        found = {"error": str(error) or repr(error)}
    print(json.dumps(found), flush=True)


if __name__ == "__main__":
    main()
