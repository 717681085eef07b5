import shutil

import numpy as np
import pandas as pd
import pytest

import twinlens
from twinlens.errors import UserError
from twinlens.evaluation.arm import open_arm
from twinlens.evaluation.test_set import open_model
from twinlens.records.plan import PLAN, Plan, PlannedTraining
from twinlens.requests.train import TrainRequest


@pytest.fixture(scope="module")
def study(trained, phantoms, tmp_path_factory):
    """A study: two runs with all labels that predict differently, and none with half of them."""
    folder = tmp_path_factory.mktemp("arm") / "study"
    request = TrainRequest(dataset=phantoms, out="")
    runs = [
        PlannedTraining(id=f"{seed}-{fraction}", seed=seed, arm="plain", label_fraction=fraction,
                        request=request)
        for fraction in (1.0, 0.5)
        for seed in (0, 1)
    ]  # fmt: skip
    for run in runs[:2]:
        shutil.copytree(trained, folder / "runs" / run.id)
    path = folder / "runs" / runs[1].id / "predictions.parquet"
    table = pd.read_parquet(path)
    columns = table.filter(regex="^p_").columns
    reversed_classes = table[columns].to_numpy()[:, ::-1]
    table = table.assign(**dict(zip(columns, reversed_classes.T, strict=True)))
    table.iloc[::-1].to_parquet(path)  # the order of images differs too
    Plan(runs=runs).write(folder / PLAN)
    return folder


def test_an_arm_is_the_mean_of_its_runs(study, trained):
    arm, one = open_arm(study, "plain"), open_model(trained)
    assert len(arm.members) == 2
    columns = one.stored.filter(regex="^p_").columns
    p = one.stored[columns].to_numpy()
    np.testing.assert_allclose(arm.stored[columns], (p + p[:, ::-1]) / 2)
    pd.testing.assert_series_equal(arm.stored["id"], one.stored["id"])
    assert open_arm(study, "plain", 1.0, tta=2).stored is None
    assert open_arm(study, "plain", recompute=True).stored is None


def test_an_arm_is_evaluated_as_a_model_is(study, phantoms):
    stored = twinlens.evaluate(study, phantoms, arm="plain").data[0]
    assert stored.stored
    anew = twinlens.evaluate(study, phantoms, arm="plain", recompute=True).data[0]
    assert not anew.stored  # two equal networks, so unlike the predictions made up above
    assert anew.by_image.metrics != stored.by_image.metrics


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"arm": "plane"}, "Did you mean 'plain'"),
        ({"arm": "plain", "label_fraction": 0.1}, r"label fraction '0.1'.* Valid: 0.5, 1.0"),
        ({"arm": "plain", "label_fraction": 0.5}, "No training of arm 'plain'.* is finished"),
        ({"label_fraction": 0.5}, "give --arm too"),
    ],
)
def test_what_is_not_there_is_said(study, phantoms, arguments, message):
    with pytest.raises(UserError, match=message):
        twinlens.evaluate(study, phantoms, **arguments)


def test_a_folder_without_a_plan_has_no_arms(trained):
    with pytest.raises(UserError, match="is no folder of a study"):
        open_arm(trained, "plain")
