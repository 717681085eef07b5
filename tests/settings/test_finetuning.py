import pytest

from twinlens.config import from_preset
from twinlens.errors import UserError
from twinlens.settings.finetuning import PRESETS, FineTuning


@pytest.mark.parametrize("preset", PRESETS)
def test_each_preset_is_valid(preset):
    config = from_preset(FineTuning, PRESETS, preset, {"epochs": 3}, where="here")
    assert config.epochs == 3


def test_a_linear_probe_has_a_linear_head():
    settings = {"tuning": "linear_probe", "head": "mlp"}
    with pytest.raises(UserError, match=r"a linear probe is a logistic.*'head' to linear"):
        from_preset(FineTuning, PRESETS, "recommended", settings, where="here")
