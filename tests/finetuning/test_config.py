import pytest

from twinlens.finetuning.config import FineTuning


@pytest.mark.parametrize("choice", [{"head": "mlp"}, {"classes": ["MEL", "NV"]}])
def test_runs_from_before_a_choice_existed_keep_their_names(choice):
    before = FineTuning().model_dump(exclude={"head", "classes"})
    assert FineTuning().determining() == before
    assert FineTuning(**choice).determining() == before | choice


def test_every_other_setting_counts():
    assert FineTuning(class_balance="sampler").determining()["class_balance"] == "sampler"
    assert len(FineTuning().determining()) == len(FineTuning.model_fields) - 2
