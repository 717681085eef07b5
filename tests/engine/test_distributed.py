import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from unittest.mock import Mock

import pandas as pd
import pytest
import torch
from lightning_fabric import Fabric
from torch import nn

import twinlens
from twinlens import console
from twinlens.engine.device import make_fabric
from twinlens.engine.distributed import check_batch, gather, launch, synchronise_batchnorm
from twinlens.engine.loop import CHECKPOINT
from twinlens.errors import UserError
from twinlens.files import read_json
from twinlens.pretraining.methods import METHODS

SCRIPT = Path(__file__).with_name("two_processes.py")
ONE_THREAD = os.environ | {"OMP_NUM_THREADS": "1"}
PROGRESS = re.compile(r"[\w-]+: \d+/\d+ ")
"""What a slow machine says between."""

every_method = pytest.mark.parametrize("method", METHODS)


@pytest.fixture(scope="module")
def measured(phantoms, tmp_path_factory):
    """What two processes found, and what one found: a dict by method, of each process."""
    folder = tmp_path_factory.mktemp("processes")
    words = [sys.executable, str(SCRIPT), str(phantoms), str(folder)]
    done = subprocess.run(
        words, env=ONE_THREAD, capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stderr
    said = [line for line in done.stderr.splitlines() if not PROGRESS.match(line)]
    assert done.stderr.count("Learning rate") == len(said) == 2 * len(METHODS)
    refusal = f"{folder} exists already: choose another --out, or pass --overwrite.\n"
    assert done.stdout == refusal * 2
    return {name: torch.load(folder / f"{name}.pt") for name in ("1-0", "2-0", "2-1")}


@every_method
def test_loss_and_gradients_of_two_processes_are_those_of_the_joined_batch(measured, method):
    whole, first, second = (found[method]["sizes"] for found in measured.values())
    for size, one in whole.items():
        for part in (first[size], second[size]):
            torch.testing.assert_close(part["loss"], one["loss"], rtol=1e-9, atol=1e-9)
        gradients = zip(first[size]["gradients"], second[size]["gradients"], strict=True)
        for parts, expected in zip(gradients, one["gradients"], strict=True):
            assert expected.abs().max() > 1e-4
            torch.testing.assert_close(torch.cat(parts), expected, rtol=0, atol=1e-9)


@every_method
def test_two_processes_train_the_weights_of_one(measured, method):
    one, first, second = (found[method]["trained"] for found in measured.values())
    assert len(one["losses"]) > 4
    assert first["losses"] == second["losses"] == pytest.approx(one["losses"], rel=1e-6)
    taught = any(name.startswith("teacher.") for name in one["network"])
    assert taught == (method in ("byol", "dino"))
    close = {"rtol": 0, "atol": 1e-9}
    torch.testing.assert_close(first["network"], one["network"], **close)
    for found in (first, second):
        torch.testing.assert_close(found["own"], one["own"], **close)


SETTINGS = {"epochs": 4, "batch_size": 32, "projector": [16, 16], "lr": 1e-3, "monitor_points": 1}
SETTINGS |= {"method": "barlow_twins", "precision": "fp32"}


def _command(data, out, *options):
    words = [sys.executable, "-m", "twinlens.cli", "pretrain", str(data), "--out", str(out)]
    words += ["--encoder", "resnet18_quarter", "--device", "cpu", "--devices", "2", *options]
    for key, value in SETTINGS.items():
        words += ["--set", f"{key}={value}"]
    return words


def _gone(group, seconds=60):
    """Wait until no process of a group is left."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        try:
            os.killpg(group, 0)
        except ProcessLookupError:
            return True
        time.sleep(0.1)
    return False


def _worker_of(parent):
    """Return the number of one of the processes that a command has started."""
    for number in Path(f"/proc/{parent}/task/{parent}/children").read_text().split():
        if b"spawn_main" in Path(f"/proc/{number}/cmdline").read_bytes():
            return int(number)
    raise AssertionError("there is none")


@pytest.mark.slow
@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="needs killpg and prctl")
@pytest.mark.parametrize("killed", ["the command", "one of its processes"])
def test_killed_and_resumed_it_finishes_and_speaks_once(phantoms, tmp_path, killed):
    out, work = tmp_path / "run", tmp_path / "run.partial"
    with (tmp_path / "log").open("w") as log:
        process = subprocess.Popen(
            _command(phantoms, out), env=ONE_THREAD, stderr=log, start_new_session=True
        )
        try:
            while not (work / CHECKPOINT).exists():
                assert process.poll() is None, (tmp_path / "log").read_text()
                time.sleep(0.02)
            whom = process.pid if killed == "the command" else _worker_of(process.pid)
            os.kill(whom, signal.SIGKILL)  # the others are to notice
            process.wait(60)
            assert _gone(process.pid), "a process is left"
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
    assert not out.exists()
    if killed == "one of its processes":
        *_, said = (tmp_path / "log").read_text().splitlines()
        assert re.match(
            r"twinlens: Process \d of 2 was ended from outside \(SIGKILL\), .* --resume", said
        )
        assert process.returncode == 2
    done = subprocess.run(
        _command(phantoms, out, "--resume"),
        env=ONE_THREAD, capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("Encoder in") == 1
    lines = done.stdout.splitlines() + done.stderr.splitlines()
    assert len(lines) == len(set(lines))
    assert done.stderr.startswith("WARNING: BatchNorm cannot be synchronised")
    assert not any(line.startswith("epoch 0:") for line in lines)  # resumed, not begun again
    record = read_json(out / "run.json")
    assert record["environment"]["processes"] == 2
    assert "--devices 2" in record["command"]
    assert (out / "neighbours.png").exists()
    history = pd.read_parquet(out / "history.parquet")
    steps = record["images"] // 32
    assert history["phase"].tolist() == ["projector"] * steps + ["one_cycle"] * steps * 4
    assert not work.exists()


def test_a_batch_is_shared_out_evenly_or_refused(phantoms, tmp_path):
    check_batch(32, 4)
    with pytest.raises(UserError, match=r"32 cannot .* among 3 processes: set batch_size to 33"):
        twinlens.pretrain(phantoms, tmp_path / "run", settings=SETTINGS, device="cpu", devices=3)


@pytest.mark.parametrize(("devices", "nodes"), [(1, 1), (2, 2)])
def test_what_torchrun_started_and_what_was_asked_for_must_agree(monkeypatch, devices, nodes):
    for name in ("TORCHELASTIC_RUN_ID", "LOCAL_RANK", "GROUP_RANK", "RANK"):
        monkeypatch.setenv(name, "0")
    monkeypatch.setenv("WORLD_SIZE", "2")
    with pytest.raises(UserError, match=rf"started, 2, is not .* --nodes {nodes}, "):
        make_fabric("fp32", "cpu", devices=devices, nodes=nodes)


def test_one_process_is_left_alone():
    fabric, seen = make_fabric("fp32", "cpu"), []
    launch(fabric, seen.append)
    assert seen == [fabric]
    assert fabric.broadcast("x") == "x"
    z = torch.ones(2, 3)
    assert gather(z) is z


def _network():
    return nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Sequential(nn.BatchNorm1d(4)))


def _engine(processes, device):
    return Mock(spec=Fabric, world_size=processes, device=torch.device(device))


def test_on_gpus_batchnorm_is_synchronised_under_the_same_names():
    network = _network()
    before = network.state_dict()
    synchronise_batchnorm(network, _engine(2, "cuda"))
    assert isinstance(network[1], nn.SyncBatchNorm)
    assert isinstance(network[2][0], nn.SyncBatchNorm)
    torch.testing.assert_close(network.state_dict(), before)


def test_on_cpus_batchnorm_stays_and_a_warning_says_so_once(capsys, monkeypatch):
    monkeypatch.setattr(console, "quiet", False)
    network = _network()
    synchronise_batchnorm(network, _engine(2, "cpu"))
    assert type(network[1]) is nn.BatchNorm1d
    assert capsys.readouterr().err.count("WARNING: BatchNorm cannot be synchronised") == 1
    synchronise_batchnorm(nn.Linear(2, 2), _engine(2, "cpu"))
    synchronise_batchnorm(network, _engine(1, "cuda"))
    assert type(network[1]) is nn.BatchNorm1d
    assert capsys.readouterr().err == ""
