"""The harness of kills in small; `make kills N=...` runs it at length."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from twinlens.files import read_json

ROOT = Path(__file__).parents[1]


@pytest.mark.slow
def test_what_is_killed_and_resumed_ends_like_what_is_not(tmp_path):
    command = [sys.executable, ROOT / "benchmarks" / "kills.py", "10"]
    command += ["--folder", tmp_path / "kills", "--out", tmp_path / "kills.json"]
    environment = os.environ | {"PYTHONPATH": str(ROOT / "src"), "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    total = read_json(tmp_path / "kills.json")["total"]
    assert total["kills"] >= 10
    assert total["equal"] == total["resumed"] > 0
