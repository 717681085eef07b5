"""Commands that are killed at any moment and given again: the result must be the same.

They run on 60 synthetic images of 16 pixels with a network of one layer. Checkpoints are written
after every step, so that there is as much as possible to go wrong.
"""

import hashlib
import os
import random
import shutil
import signal
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import yaml
from forks import Tally, calls, end, forked
from PIL import Image
from torch import nn

from twinlens.engine import loop
from twinlens.errors import UserError
from twinlens.files import digest, read_json
from twinlens.finetuning.train import train
from twinlens.importing.import_images import import_images
from twinlens.models.encoders import ENCODERS, EncoderSpec
from twinlens.phantom.generate import phantom_image
from twinlens.pretraining.pretrain import pretrain
from twinlens.splitting.split import split
from twinlens.study.compare import compare
from twinlens.study.tuning.tune import tune

CLOCKS = ("seconds", "when", "command", "environment", "test_access", "search", "timing", "optuna")
"""Parts of a record that tell when and where, not what."""

PRETRAIN = {"epochs": 1, "batch_size": 8, "projector": [4], "lr": 1e-3, "monitor_points": 1}
TRAIN = {"epochs": 1, "batch_size": 8, "tta": 2, "lr": 1e-3}
STUDY = {
    "encoder": "tiny",
    "precision": "fp32",
    "seeds": 2,
    "pretrain": PRETRAIN,
    "train": TRAIN,
    "arms": {"plain": {}, "twins": {"pretrain": {}}},
}
SEARCH = {"search": {"train.lr": {"low": 1e-4, "high": 1e-2, "log": True}}, "arms": {"plain": {}}}


@dataclass
class Job:
    """A command that is killed and given again.

    Attributes:
        name: Its name.
        run: Does it, or resumes it, in a folder.
        marker: File that a finished folder holds; a study's comes last.
        before: Prepares the folder.
        files: Patterns of the files that must be equal.
        seconds: How long an unkilled run takes.
        calls: How many of `CALLS` it makes.
        expected: Digests of the files of an unkilled run.
        tally: What has become of it.
    """

    name: str
    run: Callable[[Path], Any]
    marker: str
    files: tuple[str, ...]
    before: Callable[[Path], Any] = lambda _: None
    seconds: float = 0.0
    calls: int = 0
    expected: dict[str, str] = field(default_factory=dict)
    tally: Tally = field(default_factory=Tally)


def jobs(folder: Path) -> list[Job]:
    """Return the commands, on images that lie in a folder."""
    data, photos = folder / "data", folder / "photos"
    how: dict[str, Any] = {"encoder": "tiny", "device": "cpu", "resume": True, "seed": 1}
    fp32 = {"precision": "fp32"}
    tables = ("*.parquet", "*.npy", "dataset.json", "skipped.csv")
    weights = ("*.safetensors", "predictions.parquet", "metrics.json", "monitor.json")
    return [
        Job(
            "import",
            lambda out: import_images(photos / "first", out, size=16, workers=1),
            "dataset.json",
            tables,
        ),
        Job(
            "import --add",
            lambda out: import_images(photos / "second", out, add=True, workers=1),
            "dataset.json",
            (*tables, "splits/*"),
            before=lambda out: shutil.copytree(folder / "untouched", out),
        ),
        Job(
            "pretrain",
            lambda out: pretrain(data, out, settings=PRETRAIN | fp32, **how),
            "run.json",
            (*weights, "neighbours.json"),
        ),
        Job(
            "train",
            lambda out: train(data, out, settings=TRAIN | fp32 | {"lr": "valley"}, **how),
            "run.json",
            (*weights, "model/bundle.json", "lr_finder.json"),
        ),
        Job(
            "compare",
            lambda out: compare(folder / "study.yaml", out, device="cpu"),
            "results.json",
            (*weights, "results.json", "plan.json", "best/bundle.json"),
        ),
        Job(
            "tune",
            lambda out: tune(folder / "search.yaml", out, trials=2, folds=2, device="cpu"),
            "tuning.json",
            (*weights, "tuning.json", "best.yaml"),
        ),
    ]


def prepare(folder: Path) -> None:
    """Write the images, the data set, the study and the search."""
    for number in range(72):
        kind = "first" if number < 60 else "second"
        path = folder / "photos" / kind / ("nevus" if number % 2 else "melanoma") / f"{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(phantom_image(0, number, 0, size=24)).save(path)
    data = import_images(folder / "photos" / "first", folder / "data", size=16, workers=1).path
    split(data, val=0.2, test=0.3)
    shutil.copytree(data, folder / "untouched")  # a search adds splits
    for name, changes in (("study", {}), ("search", SEARCH)):
        content = yaml.safe_dump(STUDY | changes | {"data": str(data)})
        (folder / f"{name}.yaml").write_text(content)


def make_tiny() -> None:
    """Add a network of one layer, and let checkpoints come as often as they can."""

    def tiny() -> nn.Module:
        layers = nn.Conv2d(3, 4, 3, stride=2), nn.BatchNorm2d(4), nn.AdaptiveAvgPool2d(1)
        return nn.Sequential(*layers, nn.Flatten())

    ENCODERS["tiny"] = EncoderSpec(tiny, feature_dim=4)
    loop.CHECKPOINT_EVERY_S = 0.0
    unknown = SimpleNamespace(table=lambda *_: "", seconds_of=None)
    for command in (compare, tune):  # it would start another process, which is slow
        module: Any = sys.modules[command.run.__module__]
        module.estimate = lambda *_: unknown


def reference(job: Job, folder: Path) -> None:
    """Carry a command out without a kill, with its time, its calls and its files."""
    out, counted = folder / f"{job.name}-unkilled", folder / f"{job.name}.calls"
    job.before(out)
    began = time.monotonic()

    def run() -> None:
        with calls() as made:
            job.run(out)
        counted.write_text(str(len(made)))

    end(forked(run, folder / "log.txt"))
    job.seconds, job.calls = time.monotonic() - began, int(counted.read_text())
    job.expected = _digests(job, out)
    print(f"{job.name}: {job.seconds:.1f} s, {job.calls} calls, {len(job.expected)} files")


def trial(job: Job, folder: Path, chance: random.Random) -> None:
    """Kill a command once to three times, let it end, and compare."""
    out = folder / f"{job.name}-killed"
    for path in folder.glob(f"{out.name}*"):
        shutil.rmtree(path)
    job.before(out)
    same = True
    for _ in range(chance.randint(1, 3)):
        kind = chance.choice(["SIGKILL", "SIGTERM", "call"])
        if not _kill(job, out, kind, chance):
            break
        job.tally.count(kind)
        same &= _is_part(job, out)
    job.tally.finished += job.name != "import --add" and (out / job.marker).exists()
    log = folder / "log.txt"
    done = end(forked(lambda: _resume(job, out), log))
    job.tally.trials += 1
    if done == 0 and same and _digests(job, out) == job.expected:
        job.tally.equal += 1
        return
    kept = folder / f"failed-{job.name}-{job.tally.trials}"
    shutil.copytree(out.parent, kept, ignore=shutil.ignore_patterns("failed-*", "*unkilled"))
    different = [name for name, value in job.expected.items() if _digests(job, out)[name] != value]
    print(f"{job.name} DIFFERS (exit code {done}, parts same: {same}): {different}, see {kept}")


def _resume(job: Job, out: Path) -> None:
    try:
        job.run(out)
    except UserError as error:  # it was killed after the last rename
        if not (out / job.marker).exists() or "exists already" not in str(error):
            raise


def _kill(job: Job, out: Path, kind: str, chance: random.Random) -> bool:
    """Run a command and kill it; return whether it was still at work."""
    log = out.parent / "log.txt"
    if kind == "call":
        which, after = chance.randrange(job.calls), chance.random() < 0.5

        def run() -> None:
            with calls(which, after):
                _resume(job, out)

        return end(forked(run, log)) == -signal.SIGKILL
    process = forked(lambda: _resume(job, out), log)
    time.sleep(chance.uniform(0, job.seconds))
    with suppress(ProcessLookupError):
        os.kill(process, getattr(signal, kind))
    return end(process) == -getattr(signal, kind)


def _is_part(job: Job, out: Path) -> bool:
    """Return whether what is there after a kill is whole: a result, or finished runs of a study."""
    if job.name == "import --add":
        return True
    finished = [path.parent for path in out.glob("runs/*/run.json")]
    if job.marker in ("run.json", "dataset.json") and (out / job.marker).exists():
        finished.append(out)
    there = {name: value for run in finished for name, value in _digests(job, out, run).items()}
    wrong = [name for name, value in there.items() if job.expected.get(name, value) != value]
    # A study deletes the models that it does not keep once all its runs are done.
    expected = {n for run in finished for n in job.expected if (out / n).is_relative_to(run)}
    return not wrong and expected <= set(there)


def _digests(job: Job, out: Path, below: Path | None = None) -> dict[str, str]:
    """Return a digest of each file that must be equal, without clocks."""
    found = {path for pattern in job.files for path in (below or out).rglob(pattern)}
    return {str(path.relative_to(out)): _digest(path) for path in sorted(found)}


def _digest(path: Path) -> str:
    if path.suffix == ".json":
        return digest(_without_clocks(read_json(path)))
    if path.suffix == ".yaml":
        return digest(yaml.safe_load(path.read_text(encoding="utf-8")))
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _without_clocks(content: Any) -> Any:
    if isinstance(content, dict):
        return {k: _without_clocks(v) for k, v in content.items() if k not in CLOCKS}
    return [*map(_without_clocks, content)] if isinstance(content, list) else content
