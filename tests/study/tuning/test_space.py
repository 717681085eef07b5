import pytest
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

from twinlens.errors import UserError
from twinlens.settings.finetuning import FineTuning
from twinlens.settings.search import Choices, Range
from twinlens.study.planning.config import Study
from twinlens.study.tuning.space import (
    default_space,
    distributions,
    search_space,
    with_values,
)


def _study(searched=None, **arm):
    content = {"data": "d", "arms": {"a": arm}, "search": searched or {}}
    return Study.model_validate(content | {"train": {"view_changes": {"grey": {"p": 0.2}}}})


def test_ends_are_whole_numbers_where_the_setting_is_one():
    search = {
        "train.epochs": {"low": 10, "high": 40, "step": 10.0},
        "train.lr": {"low": 1e-4, "high": 1, "log": True},
        "train.weight_decay": {"low": 0, "high": 1},
        "train.class_balance": ["none", "loss"],
        "pretrain.lambda": {"low": 0.001, "high": 0.01},
    }
    study = _study(search, pretrain={})
    assert distributions(search_space(study, "a", 100)) == {
        "train.epochs": IntDistribution(10, 40, step=10),
        "train.lr": FloatDistribution(1e-4, 1.0, log=True),
        "train.weight_decay": FloatDistribution(0.0, 1.0),
        "train.class_balance": CategoricalDistribution(("none", "loss")),
        "pretrain.lambda": FloatDistribution(0.001, 0.01),
    }


def test_the_search_of_an_arm_replaces_that_of_the_study():
    own = {"train.epochs": [1, 2]}
    study = _study({"train.lr": [0.1, 0.2]}, search=own)
    assert search_space(study, "a", 100) == {"train.epochs": Choices((1, 2))}


@pytest.mark.parametrize(
    ("search", "sentence"),
    [
        ({"lr": [1, 2]}, "names 'lr': write the setting as train.NAME"),
        ({"train": [1, 2]}, "names 'train': write the setting as train.NAME"),
        ({"train.lrate": [1, 2]}, "train.lrate: 1. .*Unknown key 'lrate'. Valid: "),
        ({"train.lr": [0.1, -1]}, r"cannot try train.lr: -1. .*'lr.* is wrong \(given: -1"),
        ({"train.lr.x": [1, 2]}, "cannot try train.lr.x: 1. .*'lr"),
        ({"train.batch_size": {"low": 1, "high": 8}}, "cannot try train.batch_size: 1"),
        ({"train.batch_size": [16, 128]}, "train.batch_size: 128. A fold has 100 training images"),
        ({"train.precision": ["fp32", "bf16"]}, "cannot try train.precision: set 'precision' once"),
        ({"pretrain.epochs": [1, 2]}, "the arm has no pretraining"),
    ],
)
def test_what_a_setting_cannot_be_is_refused_in_one_sentence(search, sentence):
    with pytest.raises(UserError, match=sentence):
        search_space(_study(search), "a", 100)


@pytest.mark.parametrize("train", [{}, {"tuning": "linear_probe"}, {"epochs": 1}])
@pytest.mark.parametrize("images", [20, 1000])
def test_the_default_can_be_searched(train, images):
    study = _study(train=train)
    space = default_space(study, "a", images)
    assert {key.partition(".")[2] for key in space} <= set(FineTuning.model_fields)
    assert search_space(study.model_copy(update={"search": space}), "a", images) == space
    assert ("train.probe_c" in space) == ("tuning" in train)
    assert "train.layer_decay" not in space
    assert ("train.batch_size" in space) == (images == 1000 and "tuning" not in train)


@pytest.mark.parametrize("arm", [{"pretrain": {}}, {"weights": "supervised_resnet18"}])
def test_where_there_is_something_to_keep_how_much_is_searched(arm):
    study = _study(**arm)
    space = default_space(study, "a", 100)
    assert {"train.layer_decay", "train.head_init"} <= set(space)
    assert search_space(study.model_copy(update={"search": space}), "a", 100) == space
    assert "train.head_init" not in default_space(_study(**arm, train={"head": "mlp"}), "a", 100)


def test_values_are_settings_of_the_arm():
    study = _study(train={"epochs": 7}, pretrain={})
    values = {"train.lr": 0.1, "train.view_changes.blur.p": 0.5, "pretrain.epochs": 2}
    arm = with_values(study, "a", values).arms["a"]
    assert arm.train == {
        "epochs": 7,
        "lr": 0.1,
        "view_changes": {"grey": {"p": 0.2}, "blur": {"p": 0.5}},
    }
    assert arm.pretrain == {"epochs": 2}
    assert study.arms["a"].train == {"epochs": 7}
    assert study.train == {"view_changes": {"grey": {"p": 0.2}}}


def test_values_that_do_not_go_together_are_refused():
    with pytest.raises(UserError, match="a linear probe is a logistic regression"):
        with_values(_study(train={"head": "mlp"}), "a", {"train.tuning": "linear_probe"})


def test_a_range_with_a_step_is_searched_in_steps():
    space = {"train.weight_decay": Range(low=0.0, high=0.4, step=0.1)}
    assert distributions(space)["train.weight_decay"] == FloatDistribution(0.0, 0.4, step=0.1)
