import yaml

from twinlens.config import parse
from twinlens.records.tuning import Trial
from twinlens.settings.search import Choices
from twinlens.study.planning.config import Study
from twinlens.study.tuning.best_study import best_study

BEST = Trial(number=7, values={"train.lr": 0.003, "pretrain.epochs": 5}, state="finished",
             scores=[0.5], mean=0.5, sd=None, seconds=1.0)  # fmt: skip


def _best(study, arm="a"):
    text = best_study(study, arm, BEST, "twinlens tune study.yaml --out out")
    return text, parse(Study, yaml.safe_load(text), where="best.yaml")


def test_the_best_settings_are_one_more_arm_and_the_others_stay():
    arms = {"a": {"pretrain": {}, "train": {"epochs": 9}}, "b": {}}
    study = Study.model_validate(
        {"data": "d", "arms": arms, "reference": "b", "search": {"train.lr": [0.1, 0.2]}}
    )
    text, tuned = _best(study)
    assert text.startswith("# Trial 7 of this search, which read no test image: twinlens tune")
    assert list(tuned.arms) == ["a", "b", "a, tuned"]
    assert tuned.arms["a, tuned"].train == {"epochs": 9, "lr": 0.003}
    assert tuned.arms["a, tuned"].pretrain == {"epochs": 5}
    assert {name: tuned.arms[name] for name in "ab"} == study.arms
    assert (tuned.reference, tuned.search) == ("b", {})


def test_a_search_of_a_tuned_arm_gets_another_name_and_searches_no_more():
    own = {"pretrain": {}, "search": {"train.lr": [0.1, 0.2]}}
    study = Study.model_validate({"data": "d", "arms": {"a": own, "a, tuned": own}})
    _, tuned = _best(study)
    assert list(tuned.arms) == ["a", "a, tuned", "a, tuned 2"]
    assert all(arm.search == {} for arm in tuned.arms.values())
    assert study.arms["a"].search == {"train.lr": Choices((0.1, 0.2))}
