import math
import struct
import sys
from unittest.mock import Mock

import pandas as pd
import pytest
import torch
from lightning_fabric import Fabric
from torch import nn

from twinlens.engine import loggers, loop
from twinlens.engine.device import make_fabric
from twinlens.engine.loggers import LOGGERS, Logger, check_loggers, logging
from twinlens.engine.loop import train
from twinlens.engine.one_cycle import constant, one_cycle
from twinlens.engine.optimiser import adamw
from twinlens.engine.phase import Phase
from twinlens.errors import UserError
from twinlens.files import read_json
from twinlens.finetuning.train import train as train_classifier
from twinlens.pretraining import pretrain as pretraining
from twinlens.pretraining.pretrain import pretrain
from twinlens.records.scores import Scores

SETTINGS = {"seed": 3, "pretrained": {"views": "recommended", "projector": [8, 8]}}


class _Killed(BaseException):
    pass


@pytest.fixture(autouse=True)
def _no_servers(monkeypatch):
    for name in ("MLFLOW_TRACKING_URI", "WANDB_MODE", "WANDB_PROJECT"):
        monkeypatch.delenv(name, raising=False)


def _from_csv(folder):
    history = pd.read_csv(folder / "history.csv")
    found = {
        name: [(i + 1, value) for i, value in history[name].dropna().items()]
        for name in ("loss", "norm")
    }
    seen = pd.read_csv(folder / "monitor.csv")
    found["monitor/rank"] = [*zip(seen["step"], seen["rank"], strict=True)]
    return found


def _from_tensorboard(folder):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    events = EventAccumulator(str(folder / "tensorboard"), size_guidance={"scalars": 0}).Reload()
    assert "recommended" in str(events.Tensors("settings/text_summary"))
    return {n: [(e.step, e.value) for e in events.Scalars(n)] for n in events.Tags()["scalars"]}


def _from_mlflow(folder):
    from mlflow import MlflowClient

    client = MlflowClient((folder / "mlflow").as_uri())
    (run,) = client.search_runs([client.get_experiment_by_name("twinlens").experiment_id])
    assert run.info.status == "FINISHED"
    assert run.info.run_name == "my-run"
    assert run.data.params["pretrained.views"] == "recommended"
    histories = {n: client.get_metric_history(run.info.run_id, n) for n in run.data.metrics}
    return {n: [(m.step, m.value) for m in history] for n, history in histories.items()}


def _from_wandb(folder):
    import wandb

    wandb.teardown()  # its program may still be writing
    (file,) = folder.glob("wandb/offline-run-*/*.wandb")
    found, settings = {}, {}
    for record in _records(file.read_bytes()):
        updates = [*record.run.config.update, *record.config.update]
        settings |= {item.key: item.value_json for item in updates}
        items = {i.key or "/".join(i.nested_key): i.value_json for i in record.history.item}
        for name in set(items) - {"step"}:
            found.setdefault(name, []).append((int(items["step"]), float(items[name])))
    assert "recommended" in settings["pretrained"]
    return found


def _records(log):
    """Read what wandb's own program wrote: records in the blocks of LevelDB's log format."""
    from wandb.proto.wandb_internal_pb2 import Record

    place, record = 7, b""
    while place < len(log):
        left = 2**15 - place % 2**15
        if left < 7:
            place += left
            continue
        _, size, part = struct.unpack_from("<IHB", log, place)
        record += log[place + 7 : place + 7 + size]
        place += 7 + size
        if part in (1, 4):  # a whole one, or the last part of one
            yield Record.FromString(record)
            record = b""


READERS = {
    "csv": _from_csv,
    "mlflow": _from_mlflow,
    "tensorboard": _from_tensorboard,
    "wandb": _from_wandb,
}


def _loss(terms=(), kill_at=None):
    def loss(module, step):
        if step == kill_at:
            raise _Killed
        x = torch.randn(8, 4, generator=torch.Generator().manual_seed(step))
        return module(x).square().mean(), {name: module.weight.norm() for name in terms}

    return loss


def _run(folder, names, *, kill_at=None):
    """Eleven steps in two phases, the second with one more term, and a look of a monitor."""
    torch.manual_seed(0)
    fabric, net = make_fabric("fp32", "cpu"), nn.Linear(4, 2)
    optimizer = adamw(net, weight_decay=0.0)
    phases = [
        Phase("head", constant(4, 1e-3), optimizer, _loss()),
        Phase("one_cycle", one_cycle(7, 1e-3), optimizer, _loss(["norm"], kill_at)),
    ]
    with logging(fabric, names, folder, "my-run", SETTINGS):
        history = train(net, phases, fabric=fabric, folder=folder, seed=0)
        fabric.log_dict({"monitor/step": 11, "monitor/rank": 2.5}, 11)
    assert not fabric.loggers
    return history


@pytest.mark.parametrize("name", LOGGERS)
def test_what_was_logged_is_read_back_and_a_resumed_run_holds_each_step_once(
    name, tmp_path, monkeypatch
):
    monkeypatch.setattr(loop, "CHECKPOINT_EVERY_S", 0.0)
    with pytest.raises(_Killed):
        _run(tmp_path, [name], kill_at=3)
    history = _run(tmp_path, [name])
    found = READERS[name](tmp_path)
    assert [step for step, _ in found["loss"]] == [*range(1, 12)]
    assert [value for _, value in found["loss"]] == pytest.approx([*history["loss"]], rel=1e-6)
    assert [step for step, _ in found["norm"]] == [*range(5, 12)]
    assert [value for _, value in found["norm"]] == pytest.approx([*history["norm"][4:]], rel=1e-6)
    assert found["monitor/rank"] == [(11, 2.5)]
    assert not {"step", "phase", "monitor/step"} & set(found)


def test_the_history_grows_while_the_run_lasts_and_equals_it_in_the_end(tmp_path):
    lines = []

    def look():
        lines.append(len((tmp_path / "history.csv").read_text().splitlines()))
        return False

    token = loop.must_stop.set(look)
    history = _run(tmp_path, [])
    loop.must_stop.reset(token)
    assert lines == [*range(2, 13)]
    written = pd.read_csv(tmp_path / "history.csv")
    pd.testing.assert_frame_equal(written, history)


def test_a_run_that_breaks_off_is_no_success(tmp_path):
    from mlflow import MlflowClient

    with pytest.raises(_Killed):
        _run(tmp_path, ["mlflow"], kill_at=3)
    client = MlflowClient((tmp_path / "mlflow").as_uri())
    (run,) = client.search_runs([client.get_experiment_by_name("twinlens").experiment_id])
    assert run.info.status == "FAILED"
    assert len(client.get_metric_history(run.info.run_id, "loss")) == 7


def test_mlflow_goes_where_its_variable_says(tmp_path, monkeypatch):
    from mlflow import MlflowClient

    monkeypatch.setenv("MLFLOW_TRACKING_URI", (tmp_path / "store").as_uri())
    for name in ("first", "second"):
        (tmp_path / name).mkdir()
        _run(tmp_path / name, ["mlflow"])
        assert not (tmp_path / name / "mlflow").exists()
    client = MlflowClient((tmp_path / "store").as_uri())
    runs = client.search_runs([client.get_experiment_by_name("twinlens").experiment_id])
    assert [run.info.status for run in runs] == ["FINISHED", "FINISHED"]


def test_a_logger_that_fails_is_given_up_with_a_warning(tmp_path, monkeypatch, capsys):
    calls = []

    def log(_values, step):
        calls.append(step)
        raise ConnectionError("the server is gone")

    monkeypatch.setitem(LOGGERS, "mlflow", lambda *_: Logger(log, lambda _: calls.append("close")))
    assert len(_run(tmp_path, ["mlflow"])) == 11
    assert calls == [1]
    assert "WARNING: The logger 'mlflow' failed" in (said := capsys.readouterr().err)
    assert said.count("the server is gone") == 1
    assert len(pd.read_csv(tmp_path / "history.csv")) == 11


def test_only_the_first_process_logs(tmp_path, monkeypatch):
    monkeypatch.setitem(LOGGERS, "csv", lambda *_: pytest.fail("another process opened a logger"))
    fabric = Mock(spec=Fabric, is_global_zero=False, loggers=[])
    with logging(fabric, [], tmp_path, "run", {}):
        fabric.loggers[0].log_metrics(metrics={"loss": 1.0}, step=1)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", ["mlflow", "tensorboard", "wandb"])
def test_a_package_that_is_missing_is_a_sentence_before_anything_runs(name, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(UserError, match=rf"pip install 'twinlens\[{name}\]'"):
        pretrain(tmp_path / "nowhere", tmp_path / "out", loggers=[name])
    with pytest.raises(UserError, match=rf"pip install 'twinlens\[{name}\]'"):
        train_classifier(tmp_path / "nowhere", tmp_path / "out", loggers=[name])


def test_an_unknown_logger_is_a_sentence():
    check_loggers([])
    with pytest.raises(UserError, match=r"Unknown logger 'wandbb'. Did you mean 'wandb'\?"):
        check_loggers(["csv", "wandbb"])


def test_nothing_reports_about_its_use(monkeypatch):
    for name in ("MLFLOW_DISABLE_TELEMETRY", "WANDB_ERROR_REPORTING"):
        monkeypatch.delenv(name, raising=False)
    check_loggers(["wandb"])
    assert loggers.os.environ["MLFLOW_DISABLE_TELEMETRY"] == "true"
    assert loggers.os.environ["WANDB_ERROR_REPORTING"] == "false"


def test_a_pretraining_logs_its_evaluations_and_goes_on_with_other_loggers(
    phantoms, tmp_path, monkeypatch
):
    settings = {"epochs": 1, "batch_size": 32, "projector": [8], "lr": 1e-3, "monitor_points": 2}
    options = {"encoder": "resnet18_quarter", "device": "cpu", "settings": settings, "resume": True}
    monkeypatch.setattr(pretraining, "write_snapshot", lambda *_, **__: None)  # seconds of t-SNE
    phase = loop._train_phase

    def killed(module, phase_, *others):
        if phase_.name == "one_cycle":
            raise _Killed
        phase(module, phase_, *others)

    with monkeypatch.context() as patch:
        patch.setattr(loop, "_train_phase", killed)
        with pytest.raises(_Killed):
            pretrain(phantoms, tmp_path / "run", loggers=["tensorboard"], **options)
    assert (tmp_path / "run.partial" / "tensorboard").exists()
    run = pretrain(phantoms, tmp_path / "run", **options)
    evaluations = pd.DataFrame(read_json(run / "monitor.json")["evaluations"])
    seen = pd.read_csv(run / "monitor.csv")
    pd.testing.assert_frame_equal(seen, evaluations, check_dtype=False)
    assert len(evaluations) == 3
    history = pd.read_csv(run / "history.csv")
    pd.testing.assert_frame_equal(history, pd.read_parquet(run / "history.parquet"))
    assert not (run / "tensorboard").exists()


def test_a_training_logs_its_final_metrics(phantoms, tmp_path):
    settings = {"epochs": 1, "batch_size": 16, "lr": 1e-3, "tta": 1}
    run = train_classifier(
        phantoms,
        tmp_path / "run",
        encoder="resnet18_quarter",
        device="cpu",
        settings=settings,
        loggers=["tensorboard", "csv"],
    )
    scores = Scores.read(run / "metrics.json")
    (written,) = pd.read_csv(run / "metrics.csv").to_dict("records")
    assert written["test/balanced_accuracy"] == scores.test.metrics["balanced_accuracy"]
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    (event,) = EventAccumulator(str(run / "tensorboard")).Reload().Scalars("metrics/val/accuracy")
    assert math.isclose(event.value, scores.val.metrics["accuracy"], rel_tol=1e-6)
    assert event.step == len(pd.read_parquet(run / "history.parquet"))
