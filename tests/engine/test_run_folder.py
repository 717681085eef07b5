import shlex
import time
from pathlib import Path

import pandas as pd
import pytest

from twinlens.engine.device import make_fabric
from twinlens.engine.loop import CHECKPOINT
from twinlens.engine.run_folder import command, finish, read_run, running
from twinlens.errors import UserError
from twinlens.files import read_json


def test_the_command_survives_the_shell():
    text = command(
        "train",
        Path("my data"),
        "out",
        {"projector": [8, 8], "lr": "valley"},
        encoder=None,
        label_fraction=0.5,
    )
    assert shlex.split(text) == [
        "twinlens", "train", "my data", "--out", "out", "--label-fraction", "0.5",
        "--set", "projector=[8, 8]", "--set", 'lr="valley"',
    ]  # fmt: skip


def _attempt(out, request, *, fails=False, resume=True):
    with running(make_fabric("fp32", "cpu"), out, request, overwrite=False, resume=resume) as work:
        (work / CHECKPOINT).touch()
        if fails:
            raise KeyboardInterrupt


def test_an_attempt_is_resumed_only_with_the_settings_it_had(tmp_path):
    out = tmp_path / "run"
    with pytest.raises(KeyboardInterrupt):
        _attempt(out, {"seed": 1, "epochs": 2}, fails=True)
    with pytest.raises(UserError, match=r"other settings \(epochs\)"):
        _attempt(out, {"seed": 1, "epochs": 3})
    with pytest.raises(UserError, match="pass --resume to go on"):
        _attempt(out, {"seed": 1, "epochs": 2}, resume=False)
    _attempt(out, {"epochs": 2, "seed": 1})
    assert out.is_dir()


def test_a_finished_run_has_times_and_none_of_the_scaffolding(tmp_path):
    history = pd.DataFrame({"seconds": [0.5, 1.5], "loss": [2.0, 1.0]})
    engine, began = make_fabric("fp32", "cpu"), time.monotonic()
    with running(engine, tmp_path / "run", {"seed": 1}, overwrite=False, resume=False) as work:
        (work / CHECKPOINT).touch()
        finish(work, {"kind": "train"}, history, began=began, images_per_step=10)
    run = tmp_path / "run"
    assert {path.name for path in run.iterdir()} == {"run.json", "history.parquet"}
    record = read_json(run / "run.json")
    assert read_run(run) == record
    assert record["images_per_s"] == 10.0
    assert record["seconds"] >= 0


def test_a_run_without_steps_has_no_speed(tmp_path):
    finish(tmp_path, {}, pd.DataFrame(), began=time.monotonic(), images_per_step=10)
    assert read_json(tmp_path / "run.json")["images_per_s"] is None
