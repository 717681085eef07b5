import pytest

from twinlens.errors import UserError
from twinlens.records.plan import Plan, PlannedPredictions, PlannedPretraining, PlannedTraining
from twinlens.requests.predictions import PredictionsRequest
from twinlens.requests.pretrain import PretrainRequest
from twinlens.requests.train import TrainRequest

ARM = {"arm": "a", "label_fraction": 0.5, "seed": 1}
RUNS = [
    PlannedPretraining(id="p", seed=1, request=PretrainRequest("data", "out")),
    PlannedTraining(id="t", needs="p", request=TrainRequest("data", "out", lr="valley"), **ARM),
    PlannedPredictions(id="o", request=PredictionsRequest("data", "out", file="x.csv"), **ARM),
]


def test_a_plan_is_read_as_it_was_written(tmp_path):
    Plan(runs=RUNS).write(tmp_path / "plan.json")
    assert Plan.read(tmp_path / "plan.json").runs == RUNS


@pytest.mark.parametrize("change", [{"kind": "bake"}, {"sead": 1}, {"request": {"x": 1}}])
def test_a_plan_with_something_else_in_it_is_refused(change):
    text = Plan(runs=RUNS[:1]).model_dump_json()
    damaged = Plan.model_validate_json(text).model_dump(mode="json")
    damaged["runs"][0] |= change
    with pytest.raises(UserError, match=r"plan.json is damaged"):
        Plan._checked(Plan.model_validate, damaged, "plan.json")
