"""The long run of the servers in small; `make soak` runs it at length."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from twinlens.files import read_json

ROOT = Path(__file__).parents[1]


@pytest.mark.slow
def test_no_request_fails_and_memory_does_not_grow(tmp_path):
    for package in ("uvicorn", "onnxruntime", "onnxscript"):
        pytest.importorskip(package)
    command = [sys.executable, ROOT / "benchmarks" / "soak.py", "800", "--out", tmp_path / "s.json"]
    environment = os.environ | {"PYTHONPATH": str(ROOT / "src"), "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    runs = read_json(tmp_path / "s.json")["runs"]
    assert [run["requests"] for run in runs] == [800, 200, 200]
    assert [run["errors"] for run in runs] == [0, 0, 0]
    assert runs[0]["statuses"] == {"200": 792, "422": 8}
