"""Time and memory of 1,000,000 images: python benchmarks/million_rows.py.

Writes MedMNIST files of small grey images that all differ (smooth random textures), and runs
import, split and audit on each, as commands, watching their anonymous memory (what a process
holds itself, apart from files that the system caches). Two smaller files with the same rows and
other sizes of image show whether memory grows with the pixels. Some 40 minutes on two idle cores,
and 5 GB of disk. With --derm, the same of the 10,644 real images of ../shared/data/derm instead.
"""

import argparse
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from machine import machine

from twinlens import files

RESULTS = Path(__file__).parent / "results"
DERM = ["--image", "image", "--label", "diagnosis", "--group", "group"]
CASES = ((100_000, 28), (100_000, 64), (1_000_000, 28))
CLASSES = 8


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--derm", action="store_true")
    derm = parser.parse_args().derm
    results = [derm_case()] if derm else [texture_case(rows, size) for rows, size in CASES]
    files.write_json(
        RESULTS / ("derm_rows.json" if derm else "million_rows.json"),
        {
            "command": "python benchmarks/million_rows.py" + " --derm" * derm,
            "results": results,
            "machine": machine("numpy", "pandas"),
        },
    )


def texture_case(rows: int, size: int) -> dict[str, Any]:
    with TemporaryDirectory(dir=".") as folder:
        source = Path(folder) / "textures.npz"
        write(source, rows, size)
        return steps(rows, size, Path(folder) / "data", [source])


def derm_case() -> dict[str, Any]:
    with TemporaryDirectory(dir=".") as folder:
        return steps(10_644, 128, Path(folder) / "data", ["../shared/data/derm", *DERM])


def steps(rows: int, size: int, data: Path, source: list[Path | str]) -> dict[str, Any]:
    """Measure import, split and audit."""
    result: dict[str, Any] = {"rows": rows, "size": size}
    result["pixels_mb"] = rows * size * size * 3 // 10**6
    for name, arguments in {
        "import": ["import", *source, "--out", data, "--size", size],
        "split": ["split", data, "--val", "0.1", "--test", "0.2", "--name", "drawn"],
        "audit": ["audit", data, "--split", "drawn"],
    }.items():
        result[name] = measured(list(map(str, arguments)))
        print(rows, size, name, result[name], flush=True)
    return result


def write(path: Path, rows: int, size: int) -> None:
    """Write a MedMNIST file of textures: 8x8 random grey levels, enlarged without steps."""
    random = np.random.default_rng(0)
    place = np.linspace(0, 7, size)
    weights = np.maximum(0, 1 - np.abs(place[:, None] - np.arange(8)))
    pack = np.lib.format.open_memmap(
        path.with_suffix(".npy"), mode="w+", dtype=np.uint8, shape=(rows, size, size)
    )
    for start in range(0, rows, 10_000):
        coarse = random.integers(0, 256, (min(10_000, rows - start), 8, 8))
        pack[start : start + len(coarse)] = weights @ coarse @ weights.T
    labels = random.integers(0, CLASSES, (rows, 1), dtype=np.uint8)
    np.savez(path, train_images=pack, train_labels=labels)
    path.with_suffix(".npy").unlink()


def measured(arguments: list[str]) -> dict[str, float]:
    """Run a command; return its seconds and the most anonymous memory that it held."""
    began = time.perf_counter()
    process = subprocess.Popen([sys.executable, "-m", "twinlens.cli", *arguments])
    most = 0
    while process.poll() is None:
        most = max(most, anonymous_kib(process.pid))
        time.sleep(0.2)
    if process.returncode:
        raise SystemExit(f"{arguments} failed")
    return {"seconds": round(time.perf_counter() - began, 1), "memory_mb": round(most / 1000)}


def anonymous_kib(pid: int) -> int:
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return 0
    return next(
        (int(line.split()[1]) for line in status.splitlines() if line.startswith("RssAnon")), 0
    )


if __name__ == "__main__":
    main()
