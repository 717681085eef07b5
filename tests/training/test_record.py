import shlex
from pathlib import Path

import pandas as pd
import pytest

from twinlens.errors import UserError
from twinlens.files import read_json
from twinlens.training.loop import CHECKPOINT
from twinlens.training.record import command, finish, read_run, start


def test_the_command_survives_the_shell():
    text = command(
        "train",
        Path("my data"),
        "out",
        {"projector": [8, 8], "lr": "valley"},
        encoder=None,
        budget=0.5,
    )
    assert shlex.split(text) == [
        "twinlens", "train", "my data", "--out", "out", "--budget", "0.5",
        "--set", "projector=[8, 8]", "--set", 'lr="valley"',
    ]  # fmt: skip


def test_an_attempt_is_resumed_only_with_the_settings_it_had(tmp_path):
    start(tmp_path, {"seed": 1, "epochs": 2})
    start(tmp_path, {"epochs": 2, "seed": 1})
    with pytest.raises(UserError, match=r"other settings \(epochs\)"):
        start(tmp_path, {"seed": 1, "epochs": 3})


def test_a_finished_run_has_times_and_none_of_the_scaffolding(tmp_path):
    began = start(tmp_path, {"seed": 1})
    (tmp_path / CHECKPOINT).touch()
    history = pd.DataFrame({"seconds": [0.5, 1.5], "loss": [2.0, 1.0]})
    finish(tmp_path, {"kind": "train"}, history, began=began, images_per_step=10)
    assert {path.name for path in tmp_path.iterdir()} == {"run.json", "history.parquet"}
    record = read_json(tmp_path / "run.json")
    assert read_run(tmp_path) == record
    assert record["images_per_s"] == 10.0
    assert record["seconds"] >= 0


def test_a_run_without_steps_has_no_speed(tmp_path):
    finish(tmp_path, {}, pd.DataFrame(), began=start(tmp_path, {}), images_per_step=10)
    assert read_json(tmp_path / "run.json")["images_per_s"] is None
