from twinlens.requests.train import TrainRequest


def test_flags_are_settings_and_override_them():
    request = TrainRequest("d", "o", settings={"epochs": 9, "c": 0.1}, epochs=3, lr="valley")
    assert request.changed_settings() == {"epochs": 3, "c": 0.1, "lr": "valley"}
    assert TrainRequest("d", "o").changed_settings() == {}


def test_its_command_leaves_out_where_and_how_it_runs():
    request = TrainRequest("d", "o", tuning="full", seed=2, device="cpu", resume=True)
    assert request.command_line() == "twinlens train d --out o --tuning full --seed 2"
