import pandas as pd
import pytest
import torch
from safetensors.torch import load_file

from stored_runs import evaluation
from twinlens.errors import UserError
from twinlens.importing.import_images import import_images
from twinlens.pretraining import evaluation as evaluation_module
from twinlens.pretraining import pretrain as train_module
from twinlens.pretraining.monitor import best
from twinlens.pretraining.pretrain import pretrain
from twinlens.pretraining.verdict import verdict
from twinlens.records.monitor import MonitorRecord
from twinlens.records.run import read_run

SMALL = {"epochs": 2, "batch_size": 32, "projector": [16, 16], "lr": 1e-3, "precision": "fp32"}
SCORES = evaluation_module.scores


def _monitor(run):
    return MonitorRecord.read(run / "monitor.json")


def _pretrain(data, out, **settings):
    return pretrain(
        data, out, encoder="resnet18_quarter", settings=SMALL | settings, seed=3, device="cpu"
    )


@pytest.mark.slow
def test_it_looks_evenly_from_before_the_first_step_to_the_last(phantoms, tmp_path):
    run = _pretrain(phantoms, tmp_path / "run", monitor_points=4)
    found = _monitor(run)
    steps = len(pd.read_parquet(run / "history.parquet"))
    assert [e.step for e in found.evaluations] == [round(i * steps / 4) for i in range(5)]
    assert all(e.linear_probe is not None for e in found.evaluations)
    assert found.evaluations[-1].epoch == pytest.approx(3)
    assert found.kept == "last"
    record = read_run(run)
    assert record.verdict == verdict(found)
    assert f"{found.evaluations[-1].linear_probe:.3f}" in record.verdict[0]


@pytest.mark.slow
def test_looking_changes_nothing(phantoms, tmp_path):
    often, never = (_pretrain(phantoms, tmp_path / str(n), monitor_points=n) for n in (3, 0))
    ours, theirs = (load_file(run / "encoder.safetensors") for run in (often, never))
    assert all(torch.equal(ours[name], theirs[name]) for name in ours)
    assert _monitor(never).evaluations == ()
    assert "The monitor was off" in read_run(never).verdict[0]


def _probes(monkeypatch, probes):
    """Let the linear probe of the evaluations be these."""
    queue = iter(probes)

    def scores(*arguments):
        return next(queue), SCORES(*arguments)[1]

    monkeypatch.setattr(evaluation_module, "scores", scores)


@pytest.mark.slow
def test_the_best_probe_is_kept_where_asked_for(phantoms, tmp_path, monkeypatch):
    _probes(monkeypatch, [0.9, 0.8, 0.5, 0.4])  # the second with the encoder still frozen
    run = _pretrain(phantoms, tmp_path / "run", monitor_points=3, keep="best_probe")
    found = _monitor(run)
    assert found.kept.startswith("step 6 of 9, ")
    assert not (run / "best.safetensors").exists()
    weights = load_file(run / "encoder.safetensors")
    _probes(monkeypatch, [0.0] * 4)
    last = load_file(
        _pretrain(phantoms, tmp_path / "last", monitor_points=3) / "encoder.safetensors"
    )
    assert not torch.equal(weights["conv1.weight"], last["conv1.weight"])
    assert found.kept_step == 6
    assert "0.900 to 0.500" in verdict(found)[0]
    assert "partly luck and too good" in verdict(found)[1]


@pytest.mark.slow
def test_the_best_is_kept_also_where_the_run_is_killed_at_its_very_end(
    phantoms, tmp_path, monkeypatch
):
    settings = {"monitor_points": 3, "keep": "best_probe"}
    probes = [0.9, 0.1, 0.5, 0.4]
    _probes(monkeypatch, probes)
    whole = load_file(_pretrain(phantoms, tmp_path / "a", **settings) / "encoder.safetensors")
    _probes(monkeypatch, probes)
    with monkeypatch.context() as patch:
        patch.setattr(train_module, "write_snapshot", _killed)
        with pytest.raises(KeyboardInterrupt):
            _pretrain(phantoms, tmp_path / "b", **settings)
    again = pretrain(
        phantoms, tmp_path / "b", encoder="resnet18_quarter", settings=SMALL | settings, seed=3,
        device="cpu", resume=True,
    )  # fmt: skip
    resumed = load_file(again / "encoder.safetensors")
    assert all(torch.equal(whole[name], resumed[name]) for name in whole)
    assert not (again / "best.safetensors").exists()


def _killed(*_arguments, **_options):
    raise KeyboardInterrupt


def test_it_stops_where_the_probe_no_longer_gains(phantoms, tmp_path, monkeypatch):
    _probes(monkeypatch, [0.1, 0.9, 0.2, 0.3, 0.5, 0.4, 0.5])
    run = _pretrain(phantoms, tmp_path / "run", monitor_points=9, patience=2)
    found = _monitor(run)
    assert found.stopped.startswith("Stopped at step 6 of 9: no better linear probe for 2 ")
    assert [e.step for e in found.evaluations] == [*range(7)]
    assert len(pd.read_parquet(run / "history.parquet")) == 6


@pytest.mark.parametrize(
    "settings",
    [
        {"method": "vicreg", "variance": 0, "covariance": 0},
        {"method": "dino", "teacher_temperature": 1.0},  # flatter than the student's
        {"method": "lejepa", "lambda": 1e-9},
    ],
    ids=lambda settings: settings["method"],
)
def test_a_collapse_is_said_once_with_what_to_try(phantoms, tmp_path, capsys, settings):
    settings = SMALL | settings | {"lr": 3e-2, "epochs": 4, "monitor_points": 5}
    run = pretrain(
        phantoms, tmp_path / "run", encoder="resnet18_quarter", settings=settings, seed=3,
        device="cpu",
    )  # fmt: skip
    found = _monitor(run)
    assert len(found.alarms) == 1
    message = found.alarms[0].message
    assert message.startswith("Collapse at step ")
    assert "Try a lower learning rate" in message
    assert capsys.readouterr().err.count("ALARM: Collapse") == 1
    assert message in read_run(run).verdict


@pytest.mark.slow
def test_a_probe_that_falls_below_its_start_is_said_once(phantoms, tmp_path, capsys, monkeypatch):
    _probes(monkeypatch, [0.9, 0.1, 0.2, 0.2, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1])
    run = _pretrain(phantoms, tmp_path / "run", monitor_points=9)
    found = _monitor(run)
    (alarm,) = found.alarms
    assert (alarm.kind, alarm.step) == ("probe", 5)  # the second with the encoder being trained
    assert "the linear probe fell from 0.900 to 0.100" in alarm.message
    assert capsys.readouterr().err.count("ALARM: Worse features at step 5 of 9") == 1
    assert alarm.message in read_run(run).verdict


@pytest.mark.parametrize("lr", [1e3, 1e18])
def test_weights_that_are_no_longer_finite_end_in_a_sentence(phantoms, tmp_path, lr):
    with pytest.raises(UserError, match=r"finite|loss became.*try a lower learning rate"):
        _pretrain(phantoms, tmp_path / "run", lr=lr, projector_lr=lr, monitor_points=9)


def test_the_first_of_equally_good_evaluations_is_the_best():
    probes = ((1, 0.3), (2, 0.5), (3, 0.5))
    assert best([evaluation(step=s, linear_probe=p) for s, p in probes]).step == 2


def test_without_labels_there_is_no_probe_and_none_may_decide(tmp_path, draw):
    for number in range(34):
        draw(tmp_path / "photos" / f"{number}.png", number)
    import_images(tmp_path / "photos", tmp_path / "data", size=16)
    run = _pretrain(tmp_path / "data", tmp_path / "run", epochs=1)
    found = _monitor(run)
    assert found.probe is None
    assert found.evaluations[0].linear_probe is None
    assert "no probe could be fitted" in verdict(found)[0]
    for setting in ({"keep": "best_probe"}, {"patience": 3}):
        with pytest.raises(UserError, match="need a probe, so labelled training images"):
            _pretrain(tmp_path / "data", tmp_path / "other", **setting)
    assert not (tmp_path / "other").exists()
