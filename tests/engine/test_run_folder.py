import time

import pandas as pd
import pytest

from stored_runs import train_run
from twinlens.engine.device import make_fabric
from twinlens.engine.loop import CHECKPOINT
from twinlens.engine.run_folder import finish, running
from twinlens.errors import UserError
from twinlens.records.run import read_run


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
    with pytest.raises(UserError, match="pass --resume to continue it"):
        _attempt(out, {"seed": 1, "epochs": 2}, resume=False)
    _attempt(out, {"epochs": 2, "seed": 1})
    assert out.is_dir()


def test_a_finished_run_has_times_and_none_of_the_scaffolding(tmp_path):
    history = pd.DataFrame({"seconds": [0.5, 1.5], "loss": [2.0, 1.0]})
    engine, began = make_fabric("fp32", "cpu"), time.monotonic()
    with running(engine, tmp_path / "run", {"seed": 1}, overwrite=False, resume=False) as work:
        (work / CHECKPOINT).touch()
        finish(work, train_run(), history, began=began, images_per_step=10)
    run = tmp_path / "run"
    assert {path.name for path in run.iterdir()} == {"run.json", "history.parquet"}
    record = read_run(run)
    assert record.images_per_s == 10.0
    assert record.seconds >= 0


def test_a_run_without_steps_has_no_speed(tmp_path):
    finish(tmp_path, train_run(), pd.DataFrame(), began=time.monotonic(), images_per_step=10)
    assert read_run(tmp_path).images_per_s is None
