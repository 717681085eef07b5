import pandas as pd
import pytest
import torch
from safetensors.torch import load_file

from twinlens.errors import UserError
from twinlens.files import read_json
from twinlens.importing.import_images import import_images
from twinlens.pretraining import pretrain as train_module
from twinlens.pretraining.monitor import Monitor, best, collapse
from twinlens.pretraining.pretrain import pretrain
from twinlens.pretraining.verdict import verdict

SMALL = {"epochs": 2, "batch_size": 32, "projector": [16, 16], "lr": 1e-3, "precision": "fp32"}
PROBE = Monitor._probe
NUMBERS = {
    *("linear_probe", "knn_probe", "feature_rank", "feature_spread"),
    *("embedding_rank", "embedding_spread", "on_diagonal", "off_diagonal"),
}


def _pretrain(data, out, **settings):
    return pretrain(data, out, encoder="resnet18", settings=SMALL | settings, seed=3, device="cpu")


def test_it_looks_evenly_from_before_the_first_step_to_the_last(phantoms, tmp_path):
    run = _pretrain(phantoms, tmp_path / "run", monitor_points=4)
    found = read_json(run / "monitor.json")
    steps = len(pd.read_parquet(run / "history.parquet"))
    looked = [moment["step"] for moment in found["moments"]]
    assert looked == [round(i * steps / 4) for i in range(5)]
    assert all(set(moment) == NUMBERS | {"step", "epoch"} for moment in found["moments"])
    assert found["moments"][-1]["epoch"] == pytest.approx(3)
    assert found["kept"] == "last"
    record = read_json(run / "run.json")
    assert record["verdict"] == verdict(found)
    assert f"{found['moments'][-1]['linear_probe']:.3f}" in record["verdict"][0]


def test_looking_changes_nothing(phantoms, tmp_path):
    often, never = (_pretrain(phantoms, tmp_path / str(n), monitor_points=n) for n in (3, 0))
    ours, theirs = (load_file(run / "encoder.safetensors") for run in (often, never))
    assert all(torch.equal(ours[name], theirs[name]) for name in ours)
    assert read_json(never / "monitor.json")["moments"] == []
    assert "did not look" in read_json(never / "run.json")["verdict"][0]


def _moments(monkeypatch, probes):
    """Let the linear probe of the moments be these."""
    queue = iter(probes)

    def probe(self, probed):
        return PROBE(self, probed) | {"linear_probe": next(queue)}

    monkeypatch.setattr(Monitor, "_probe", probe)


def test_the_best_probe_is_kept_where_asked_for(phantoms, tmp_path, monkeypatch):
    _moments(monkeypatch, [0.9, 0.8, 0.5, 0.4])  # the second with the encoder still frozen
    run = _pretrain(phantoms, tmp_path / "run", monitor_points=3, keep="best_probe")
    found = read_json(run / "monitor.json")
    assert found["kept"].startswith("step 6 of 9, ")
    assert not (run / "best.safetensors").exists()
    weights = load_file(run / "encoder.safetensors")
    _moments(monkeypatch, [0.0] * 4)
    last = load_file(
        _pretrain(phantoms, tmp_path / "last", monitor_points=3) / "encoder.safetensors"
    )
    assert not torch.equal(weights["conv1.weight"], last["conv1.weight"])
    assert found["kept_step"] == 6
    assert "0.900 to 0.500" in verdict(found)[0]
    assert "partly luck and too good" in verdict(found)[1]


def test_the_best_is_kept_also_where_the_run_is_killed_at_its_very_end(
    phantoms, tmp_path, monkeypatch
):
    settings = {"monitor_points": 3, "keep": "best_probe"}
    probes = [0.9, 0.1, 0.5, 0.4]
    _moments(monkeypatch, probes)
    whole = load_file(_pretrain(phantoms, tmp_path / "a", **settings) / "encoder.safetensors")
    _moments(monkeypatch, probes)
    with monkeypatch.context() as patch:
        patch.setattr(train_module, "write_evidence", _killed)
        with pytest.raises(KeyboardInterrupt):
            _pretrain(phantoms, tmp_path / "b", **settings)
    again = pretrain(
        phantoms, tmp_path / "b", encoder="resnet18", settings=SMALL | settings, seed=3,
        device="cpu", resume=True,
    )  # fmt: skip
    resumed = load_file(again / "encoder.safetensors")
    assert all(torch.equal(whole[name], resumed[name]) for name in whole)
    assert not (again / "best.safetensors").exists()


def _killed(*_arguments, **_options):
    raise KeyboardInterrupt


def test_it_stops_where_the_probe_no_longer_gains(phantoms, tmp_path, monkeypatch):
    _moments(monkeypatch, [0.1, 0.9, 0.2, 0.3, 0.5, 0.4, 0.5])
    run = _pretrain(phantoms, tmp_path / "run", monitor_points=9, patience=2)
    found = read_json(run / "monitor.json")
    assert found["stopped"].startswith("Stopped at step 6 of 9: no better linear probe for 2 ")
    assert [moment["step"] for moment in found["moments"]] == [*range(7)]
    assert len(pd.read_parquet(run / "history.parquet")) == 6


def test_a_collapse_is_said_once_with_what_to_try(phantoms, tmp_path, capsys):
    run = _pretrain(
        phantoms,
        tmp_path / "run",
        method="vicreg",
        variance=0,
        covariance=0,
        lr=3e-2,
        epochs=4,
        monitor_points=5,
    )
    found = read_json(run / "monitor.json")
    assert len(found["alarms"]) == 1
    message = found["alarms"][0]["message"]
    assert message.startswith("Collapse at step ")
    assert "Try a lower learning rate" in message
    assert capsys.readouterr().err.count("ALARM: Collapse") == 1
    assert message in read_json(run / "run.json")["verdict"]


@pytest.mark.parametrize("lr", [1e3, 1e18])
def test_weights_that_are_no_longer_finite_end_in_a_sentence(phantoms, tmp_path, lr):
    with pytest.raises(UserError, match=r"finite|loss became.*try a lower learning rate"):
        _pretrain(phantoms, tmp_path / "run", lr=lr, projector_lr=lr, monitor_points=9)


def test_what_counts_as_a_collapse():
    working = {"feature_spread": 0.3, "embedding_rank": 40.0, "feature_rank": 20.0}
    first = working | {"feature_rank": 100.0}
    assert collapse(working, first) is None
    assert "spread 0.001" in collapse(working | {"feature_spread": 0.001}, first)
    assert "only 1.2 dimensions" in collapse(working | {"embedding_rank": 1.2}, first)
    assert "features fill only 1.0" in collapse(working | {"feature_rank": 1.0}, first)
    assert "less than a tenth of the 100" in collapse(working | {"feature_rank": 9.0}, first)


def test_the_first_of_equally_good_moments_is_the_best():
    moments = [{"step": s, "linear_probe": p} for s, p in ((1, 0.3), (2, 0.5), (3, 0.5))]
    assert best(moments)["step"] == 2


def test_without_labels_there_is_no_probe_and_none_may_decide(tmp_path, draw):
    for number in range(34):
        draw(tmp_path / "photos" / f"{number}.png", number)
    import_images(tmp_path / "photos", tmp_path / "data", size=16)
    run = _pretrain(tmp_path / "data", tmp_path / "run", epochs=1)
    found = read_json(run / "monitor.json")
    assert found["probe"] is None
    assert "linear_probe" not in found["moments"][0]
    assert "no probe could be fitted" in verdict(found)[0]
    for setting in ({"keep": "best_probe"}, {"patience": 3}):
        with pytest.raises(UserError, match="need a probe, so labelled training images"):
            _pretrain(tmp_path / "data", tmp_path / "other", **setting)
    assert not (tmp_path / "other").exists()


def test_the_verdict_says_what_is_within_the_noise():
    def seen(end):
        moment = {"step": 0, "knn_probe": 0.3, "feature_rank": 9.0}
        moments = [moment | {"linear_probe": 0.3}, moment | {"linear_probe": end}]
        probe = {"images": 100, "error": 0.03}
        return {"moments": moments, "probe": probe, "alarms": [], "kept": "last", "kept_step": None}

    assert "within its noise" in verdict(seen(0.35))[0]
    assert "tell the classes better" in verdict(seen(0.37))[0]
    assert "got worse" in verdict(seen(0.2))[0]
    assert verdict(seen(0.4))[-1] == "No collapse was seen."
