import pytest

from twinlens.config import from_preset
from twinlens.errors import UserError
from twinlens.settings.finetuning import PRESETS, FineTuning


@pytest.mark.parametrize("preset", PRESETS)
def test_each_preset_is_valid(preset):
    config = from_preset(FineTuning, PRESETS, preset, {"epochs": 3}, where="here")
    assert config.epochs == 3


@pytest.mark.parametrize(
    ("images", "least", "steps"),
    [
        (1000, 300, 31),  # all labels: each image once
        (100, 300, 8),  # 300 steps in 40 epochs
        (100, 0, 3),
        (100, 9999, 31),  # no more than all labels get
        (600, 300, 18),  # enough of its own
    ],
)
def test_an_epoch_of_few_labels_is_as_long_as_the_least_steps_ask_for(images, least, steps):
    config = FineTuning(epochs=40, batch_size=32, min_steps=least)
    assert config.steps_per_epoch(images, 1000) == steps


def test_the_papers_epochs_do_not_depend_on_the_labels():
    assert all(PRESETS[name]["min_steps"] == 0 for name in ("paper", "paper-code"))


def test_a_linear_probe_has_a_linear_head():
    settings = {"tuning": "linear_probe", "head": "mlp"}
    with pytest.raises(UserError, match=r"a linear probe is a logistic.*'head' to linear"):
        from_preset(FineTuning, PRESETS, "recommended", settings, where="here")
