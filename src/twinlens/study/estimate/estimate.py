"""What a study will take, told before it starts: time and memory, measured by a few steps.

Runs that differ in seed, label fraction, weights, or settings that cost no time are measured once.
"""

import math
import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from heapq import heappop, heappush
from pathlib import Path
from textwrap import shorten

import torch
from lightning_fabric import Fabric

from twinlens.console import duration, say
from twinlens.engine.device import precision_of
from twinlens.errors import UserError
from twinlens.files import digest
from twinlens.pretraining.method import configure
from twinlens.records.plan import PlannedPretraining, PlannedRun, PlannedTraining
from twinlens.settings.finetuning import FineTuning, configure_training
from twinlens.settings.pretraining import Pretraining
from twinlens.study.estimate.records import Answer, Cost, TimedRun, TimingTask, TimingTasks

_GIB = 2**30

_SPEEDUP = 0.6
"""A step is n ** _SPEEDUP times as fast with n threads: two made those of five ResNets, small and
large, 1.3 to 1.7 times as fast."""

_START_S = 5.0
"""Seconds until worker processes have started."""

_COST_NO_TIME = {
    "class_balance", "cutmix", "drop_path", "ema", "encoder_lr", "fallback_lr", "fixed_statistics",
    "head_lr", "label_smoothing", "layer_decay", "mixup", "probe_balanced", "probe_c",
    "semi_threshold", "semi_weight", "weight_decay", "wise_ft",
}  # fmt: skip
"""Settings of a training that change its time by a few percent at most."""


@dataclass(frozen=True)
class Estimate:
    """What the runs that are left will take.

    Attributes:
        runs: The runs, each after what it needs.
        seconds: Of each run, by its id.
        memory: Bytes that each run has in memory at its peak, by its id.
        device: "cpu", "cuda" or "mps".
        precision: "fp32" or "bf16".
        available: Bytes of memory that the device has.
        processors: Runs that go on at the same time, at the speed that was measured: one a GPU; on
            a CPU one a worker, each with its share of the cores.
    """

    runs: list[PlannedRun]
    seconds: dict[str, float]
    memory: dict[str, int]
    device: str
    precision: str | None
    available: int
    processors: int

    def seconds_of(self, run: PlannedRun) -> float:
        """Return the seconds of a run that has its processor to itself."""
        return self.seconds[run.id]

    def total(self, workers: int = 1) -> float:
        """Return the seconds until workers on this machine have done all runs."""
        waiting = {run.id: math.inf for run in self.runs}  # until when others wait for a run
        free = [0.0] * max(1, min(workers, self.processors))
        left = list(self.runs)
        while left:
            now = heappop(free)
            starts = [max(now, waiting.get(str(run.needs), 0.0)) for run in left]
            start = min(starts)
            run = left.pop(starts.index(start))
            waiting[run.id] = start + self.seconds_of(run)
            heappush(free, waiting[run.id])
        return max(waiting.values(), default=0.0)

    def best_workers(self, runs_per_gpu: int = 1) -> int:
        """Return the number of workers that end soonest, of those that fit into memory."""
        most = most_workers(self.runs, self.device, runs_per_gpu)
        if self.device != "cpu":
            return most
        room = self.available // max([1, *self.memory.values()])

        def seconds(workers: int) -> float:
            return self.divided(workers).total(workers) + (_START_S if workers > 1 else 0)

        return min(range(1, max(1, min(most, room)) + 1), key=seconds)

    def divided(self, workers: int) -> "Estimate":
        """Return the estimate for workers that share the cores of a CPU, in equal parts."""
        if self.device != "cpu":
            return self
        before, after = (max(1, torch.get_num_threads() // n) for n in (self.processors, workers))
        longer = (before / after) ** _SPEEDUP
        seconds = {run: longer * value for run, value in self.seconds.items()}
        return replace(self, seconds=seconds, processors=workers)

    def table(self, workers: int = 1, runs_per_gpu: int = 1) -> str:
        """Return what is to be done, with time and memory, for people to read.

        Runs that share a GPU are taken to be no faster together than one after the other.
        """
        lines = [f"{'runs':>4}  {'each':>10}  {'in all':>10}  {'memory':>8}  what"]
        kinds: dict[str, list[PlannedRun]] = {}
        for run in self.runs:
            kinds.setdefault(_what(run), []).append(run)
        for what, runs in kinds.items():
            total, memory = (
                sum(map(self.seconds_of, runs)),
                max(self.memory.get(r.id, 0) for r in runs),
            )
            each, arms = total / len(runs), self._arms(runs)
            lines.append(
                f"{len(runs):>4}  {duration(each):>10}  {duration(total):>10}  "
                f"{memory / _GIB:>4.1f} GiB  {what}{self._served(runs)}{arms}"
            )
        return "\n".join([*lines, self._summary(workers, runs_per_gpu)])

    def _served(self, runs: list[PlannedRun]) -> str:
        """Say how many trainings share a pretraining."""
        ids = {run.id for run in runs}
        each = sum(run.needs in ids for run in self.runs) / len(runs)
        return f", each for {each:g} training{'s' if each != 1 else ''}" if each else ""

    def _arms(self, runs: list[PlannedRun]) -> str:
        ids = {run.id for run in runs}
        arms = dict.fromkeys(
            run.arm for run in self.runs if run.arm and (run.id in ids or run.needs in ids)
        )
        return shorten(f": {', '.join(arms)}", 60, placeholder=" ...") if arms else ""

    def _summary(self, workers: int, runs_per_gpu: int) -> str:
        together = max(self.memory.values(), default=0)
        together *= min(workers, runs_per_gpu) if self.device == "cuda" else workers
        text = (
            f"In all about {duration(self.total(workers))}"
            + (f" by {workers} workers" if workers > 1 else "")
            + f", with at most {together / _GIB:.1f} of {self.available / _GIB:.1f} GiB of memory: "
            f"measured by a few steps on this machine ({self.device}, {self.precision})."
        )
        if together > self.available:
            text += "\nWARNING: There may not be enough memory: take fewer workers."
        elif (more := self.best_workers(runs_per_gpu)) > workers:
            text += f" --workers {more} would use more of it."
        return text


def most_workers(runs: Sequence[PlannedRun], device: str, runs_per_gpu: int = 1) -> int:
    """Return the number of workers for which there are runs to begin with, and cores or GPUs.

    Args:
        runs: The runs that are left to do.
        device: "cpu", "cuda" or "mps".
        runs_per_gpu: Runs that share a GPU.
    """
    cores, gpus = torch.get_num_threads(), torch.cuda.device_count()
    places = {"cpu": cores, "cuda": gpus * runs_per_gpu}.get(device, 1)
    ids = {run.id for run in runs}
    return max(1, min(places, sum(run.needs not in ids for run in runs)))


def estimate(plan: Sequence[PlannedRun], fabric: Fabric, workers: int = 1) -> Estimate:
    """Measure what runs will take, by a rehearsal of each kind of run.

    No validation or test image is opened.

    Args:
        plan: The runs that are left to do.
        fabric: Device and precision that the runs will have.
        workers: Number of processes that will share the cores of a CPU.

    Raises:
        UserError: A batch does not fit into memory; it names the arm, the batch and what fits.
    """
    device, available = fabric.device.type, _memory(fabric.device)
    kinds: dict[str, list[TimedRun]] = {}
    for run in plan:
        if run.kind != "predictions":
            kinds.setdefault(_kind(run), []).append(run)
    if kinds:
        several = f"{len(kinds)} kinds of run" if len(kinds) > 1 else "the one kind of run"
        say(f"Estimating time and memory by a few steps of {several}.")
    tasks = [timing_task(runs, device) for runs in kinds.values()]
    seconds, memory = dict.fromkeys((run.id for run in plan), 0.0), dict[str, int]()
    workers = min(workers, torch.get_num_threads())
    costs = _costs(tasks, available, torch.get_num_threads() // workers)
    for runs, task, cost in zip(kinds.values(), tasks, costs, strict=True):
        if cost.fits is not None:
            raise _too_large(task, plan, cost.fits, available)
        for run in runs:
            place = task.label_fractions.index(run.label_fraction) if run.label_fraction else 0
            seconds[run.id], memory[run.id] = cost.seconds[place], cost.memory
    processors = torch.cuda.device_count() if device == "cuda" else workers
    precision = precision_of(fabric)
    return Estimate(list(plan), seconds, memory, device, precision, available, processors)


def _kind(run: TimedRun) -> str:
    """Return what identifies the work of a run: what else differs costs no time."""
    if run.kind == "pretrain":
        return digest(replace(run.request, seed=0, weights="").as_json())
    settings = _training_settings(run)
    free = _COST_NO_TIME if settings.lr == "valley" else _COST_NO_TIME | {"lr"}
    other = {"seed", "weights", "label_fraction", "preset", "settings", *run.request.FLAGS}
    request = {name: value for name, value in run.request.as_json().items() if name not in other}
    return digest([request, settings.model_dump(exclude=free)])


def timing_task(runs: list[TimedRun], device: str) -> TimingTask:
    """Return the task of timing runs of one kind."""
    run = max(runs, key=lambda run: run.label_fraction or 1)
    settings = _pretraining_settings(run) if run.kind == "pretrain" else _training_settings(run)
    return TimingTask(
        run=run,
        label_fractions=sorted({run.label_fraction for run in runs if run.label_fraction}),
        batch_size=settings.batch_size,
        device=device,
    )


def _training_settings(run: PlannedTraining) -> FineTuning:
    return configure_training(run.request.preset, run.request.changed_settings())


def _pretraining_settings(run: PlannedPretraining) -> Pretraining:
    where = "Settings of the pretraining"
    return configure(run.request.preset, run.request.changed_settings(), where=where)


def _costs(tasks: list[TimingTask], free: int, threads: int) -> list[Cost]:
    """Measure in a process of its own, with so many bytes of memory and threads at most."""
    if not tasks:
        return []
    program = [sys.executable, "-m", "twinlens.study.estimate.timing_process"]
    asked = TimingTasks(tasks=tasks, free=free, threads=threads).model_dump_json()
    process = subprocess.run(program, input=asked, capture_output=True, text=True, check=False)
    answers = [Answer.model_validate_json(line) for line in process.stdout.splitlines()]
    errors = [answer.error for answer in answers if answer.error]
    if len(answers) < len(tasks):
        errors.append(process.stderr.strip().rpartition("\n")[2])
    if errors:
        raise UserError(f"The first steps of a run failed, so the run would: {errors[0]}")
    return [answer.cost for answer in answers if answer.cost]


def _too_large(
    task: TimingTask, plan: Sequence[PlannedRun], fits: int, available: int
) -> UserError:
    run, device = task.run, task.device
    arm = run.arm or next(other.arm for other in plan if other.needs == run.id)
    batch, part = task.batch_size, run.kind
    change = (
        f"set batch_size to {fits}, the largest power of two that fits, in its '{part}'"
        if fits
        else "not even one of 2 does: choose a smaller encoder, or smaller images"
    )
    return UserError(
        f"Arm '{arm}': a batch of {batch} images needs more than the {available / _GIB:.1f} GiB of "
        f"memory that are free here ({device}); {change}."
    )


def _memory(device: torch.device) -> int:
    """Return the bytes of memory that a GPU has, or that are free on this machine."""
    if device.type == "cuda":
        return torch.cuda.get_device_properties(device).total_memory
    table = Path("/proc/meminfo")
    if not table.exists():
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    lines = table.read_text().splitlines()
    free = int(next(line for line in lines if line.startswith("MemAvailable")).split()[1]) * 1024
    limits = map(Path, ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"))
    texts = [limit.read_text().strip() for limit in limits if limit.exists()]
    return min([free, *(int(text) for text in texts if text.isdigit())])


def _what(run: PlannedRun) -> str:
    """Describe a kind of run in a few words."""
    if run.kind == "predictions":
        return "scoring of predictions"
    encoder = run.request.encoder
    if run.kind == "pretrain":
        method, images = _pretraining_settings(run).method, run.request.images
        return f"pretraining, {method}, {encoder}, {images} images"
    return f"training, {_training_settings(run).tuning}, {encoder}, labels {run.label_fraction:g}"
