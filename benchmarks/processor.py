"""Memory format, denormals and fused AdamW, with AVX-512 and without: images per second.

From the root of the repository:

    OMP_NUM_THREADS=1 python benchmarks/processor.py [ROUNDS]

Forward, backward and AdamW's step on a batch that lies ready, in fp32 with one thread, in turns;
processor time counts. What AVX2 alone would do is measured by forbidding oneDNN and ATen anything
newer. Writes results/processor.json. After ROUNDS, --compiled measures torch.compile against none
instead, for the first two networks (results/compiled.json), and --batches sizes of batches
(results/batches.json).
"""

import json
import os
import subprocess
import sys
import time

import torch
from in_turns import compared, rates, write_rows
from torch import nn

from twinlens.engine.optimiser import adamw
from twinlens.models.encoders import build_encoder

CASES = (
    ("resnet18", 64, 128),
    ("resnet18", 32, 32),
    ("resnet18_quarter", 32, 128),
    ("resnet50", 128, 16),
)
BATCHES = (8, 16, 32, 64, 128, 256, 512)
FORMATS = {"channels-last": torch.channels_last, "contiguous": torch.contiguous_format}
AVX2 = {"ONEDNN_MAX_CPU_ISA": "AVX2", "ATEN_CPU_CAPABILITY": "avx2"}


def training(name, size, batch, layout, *, flush=False, fused=True, compiled=False):
    """Return a task of some training steps, of about half a second."""
    model = nn.Sequential(encoder := build_encoder(name, 0), nn.Linear(encoder.feature_dim, 8))
    model.to(memory_format=layout)
    images = torch.randn(batch, 3, size, size).contiguous(memory_format=layout)
    labels = torch.arange(batch) % 8
    optimiser = adamw(model, weight_decay=0.01)
    for group in optimiser.param_groups:
        group["fused"] = fused
    network = torch.compile(model) if compiled else model

    def task():
        torch.set_flush_denormal(flush)
        for _ in range(3):
            optimiser.zero_grad()
            nn.functional.cross_entropy(network(images), labels).backward()
            optimiser.step()
        return 3 * batch

    return task


def measure(rounds):
    """Return rows of this process's processor."""
    rows = []
    for case in CASES:
        tasks = {name: training(*case, layout) for name, layout in FORMATS.items()}
        tasks["channels-last, denormals flushed"] = training(*case, torch.channels_last, flush=True)
        tasks["channels-last, AdamW not fused"] = training(*case, torch.channels_last, fused=False)
        name, size, batch = case
        about = {"network": name, "size": size, "batch": batch}
        found = compared(rates(tasks, rounds, time.process_time), "channels-last")
        rows += [about | row for row in found]
    return rows


def measure_compiled(rounds):
    """Return rows of torch.compile against none; the warm-up compiles."""
    rows = []
    for name, size, batch in CASES[:2]:
        tasks = {
            str(compiled): training(name, size, batch, torch.channels_last, compiled=compiled)
            for compiled in (True, False)
        }
        began = time.perf_counter()
        tasks["True"]()
        about = {"network": name, "size": size, "batch": batch}
        about["first_steps_s"] = round(time.perf_counter() - began, 1)
        rows += [
            about | {"compiled": row.pop("name")} | row
            for row in compared(rates(tasks, rounds, time.process_time), "True")
        ]
    return rows


def measure_batches(rounds):
    """Return rows of each size of batch, of the networks and image sizes of `CASES`."""
    rows = []
    for name, size, _ in CASES[:3]:
        tasks = {str(batch): training(name, size, batch, torch.channels_last) for batch in BATCHES}
        about = {"network": name, "size": size}
        rows += [
            about | {"batch": int(row.pop("name"))} | row
            for row in compared(rates(tasks, rounds, time.process_time), "128")
        ]
    return rows


def main() -> None:
    rounds = int((sys.argv[1:2] or [5])[0])
    torch.set_num_threads(1)
    if sys.argv[2:] == ["--compiled"]:
        rows = measure_compiled(rounds)
        write_rows(rows, "compiled", unit="images per second of one core", packages=["torch"])
        return
    if sys.argv[2:] == ["--batches"]:
        rows = measure_batches(rounds)
        write_rows(rows, "batches", unit="images per second of one core", packages=["torch"])
        return
    if sys.argv[2:] == ["--rows"]:
        print(json.dumps(measure(rounds)))
        return
    rows = []
    for processor, limits in {"as it is": {}, "AVX2 alone": AVX2}.items():
        command = [sys.executable, __file__, str(rounds), "--rows"]
        done = subprocess.run(
            command, env=os.environ | limits, check=True, capture_output=True, text=True
        )
        print(done.stdout)
        found = json.loads(done.stdout.splitlines()[-1])
        rows += [{"processor": processor} | row for row in found]
    write_rows(rows, "processor", unit="images per second of one core", packages=["torch"])


if __name__ == "__main__":
    main()
