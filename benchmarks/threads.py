"""One process with all cores, or a process a core: which trains faster in all?

From the root of the repository, on an otherwise idle machine:

    python benchmarks/threads.py [ROUNDS]

Images per second of training steps in fp32 on batches that lie ready, by the clock: of one process
with one thread, of one with a thread for each core, and of as many processes with one thread each.
The answer is what `compare` chooses its workers by. Writes results/threads.json.
"""

import subprocess
import sys
import time
from statistics import median

import torch
from in_turns import write_rows
from torch import nn
from torch.nn.functional import cross_entropy

from twinlens.engine.optimiser import adamw
from twinlens.models.encoders import build_encoder

WORK = [
    ("resnet18_quarter", 32, 128),
    ("resnet18_quarter", 64, 32),
    ("resnet18", 32, 32),
    ("resnet18", 64, 64),
    ("resnet50", 96, 16),
]
SECONDS, CLASSES = 5.0, 8


def train(network, size, batch, threads):
    """Train once told to, for some seconds, and print the images per second."""
    torch.set_num_threads(threads)
    encoder = build_encoder(network, 0)
    model = nn.Sequential(encoder, nn.Linear(encoder.feature_dim, CLASSES))
    model.to(memory_format=torch.channels_last)
    images = torch.randn(batch, 3, size, size).to(memory_format=torch.channels_last)
    labels, optimiser = torch.arange(batch) % CLASSES, adamw(model, weight_decay=0.01)

    def step():
        optimiser.zero_grad()
        cross_entropy(model(images), labels).backward()
        optimiser.step()

    step()
    print("ready", flush=True)
    sys.stdin.readline()
    began, steps = time.perf_counter(), 0
    while time.perf_counter() - began < SECONDS:
        step()
        steps += 1
    print(steps * batch / (time.perf_counter() - began))


def rate(work, processes, threads):
    """Return the images per second of some processes in all."""
    command = [sys.executable, __file__, *map(str, [*work, threads])]
    pipe = subprocess.PIPE
    started = [
        subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True) for _ in range(processes)
    ]
    for process in started:
        process.stdout.readline()
    for process in started:
        process.stdin.write("\n")
        process.stdin.flush()
    return sum(float(process.communicate()[0]) for process in started)


def main():
    rounds, cores = int((sys.argv[1:2] or [3])[0]), torch.get_num_threads()
    rows = []
    for work in WORK:
        found = {"one": [], "threads": [], "processes": []}
        for _ in range(rounds):
            found["one"].append(rate(work, 1, 1))
            found["threads"].append(rate(work, 1, cores))
            found["processes"].append(rate(work, cores, 1))
        one, threads, processes = (median(values) for values in found.values())
        rows.append(
            {
                "network, side, batch": "{}, {}, {}".format(*work),
                "one_thread": round(one, 1),
                "all_threads_in_one_process": round(threads, 1),
                "a_process_for_each_thread": round(processes, 1),
                "processes_are_faster_by": round(processes / threads, 2),
            }
        )
        print(rows[-1])
    write_rows(
        rows, "threads", unit="images per second by the clock", packages=["torch"], cores=cores
    )


if __name__ == "__main__":
    if len(sys.argv) > 2:
        train(sys.argv[1], *map(int, sys.argv[2:]))
    else:
        main()
