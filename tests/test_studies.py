"""The study files that come with the project."""

from itertools import takewhile
from pathlib import Path

import pytest

from twinlens.study.planning.config import read_study
from twinlens.study.planning.plan import make_plan
from twinlens.views.recipes import PAIRS, named_pair

ROOT = Path(__file__).parents[1]
FILES = sorted((ROOT / "studies").glob("*.yaml"))

LEFT_OUT = {
    "without crop": "crop",
    "without flips": "horizontal_flip",
    "without rotation": "rotation",
    "without jitter": "colour_jitter",
    "without grey": "grey",
    "without blur": "blur",
    "without solarising": "solarise",
}


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_every_study_reads_and_plans(path):
    study = read_study(path, [])
    plan = make_plan(study, data_hash="d", split_hash="s")
    trainings = [(run.arm, run.seed, run.label_fraction) for run in plan if run.kind == "train"]
    seeds = sum(len(study.seeds_of(arm)) for arm in study.arms)
    assert len(trainings) == len({*trainings}) == seeds * len(study.label_fractions)
    header = takewhile(lambda line: line.startswith("#"), path.read_text("utf-8").splitlines())
    assert "twinlens" in " ".join(header), "the command that runs it"


@pytest.fixture(scope="module")
def views():
    return read_study(ROOT / "studies" / "views.yaml", [])


def test_views_has_an_arm_an_operation_and_a_pretraining_for_each(views):
    assert set(views.arms) == {"all", *LEFT_OUT}
    assert views.reference == "all"
    plan = make_plan(views, data_hash="d", split_hash="s")
    assert [run.kind for run in plan].count("pretrain") == len(views.arms) * 3 == len(plan) / 2
    assert {views.training(arm).tuning for arm in views.arms} == {"linear_probe"}


@pytest.mark.parametrize("arm", LEFT_OUT)
def test_an_arm_of_views_leaves_out_its_operation_and_changes_nothing_else(views, arm):
    own, reference = views.pretraining(arm), views.pretraining("all")
    assert own.model_copy(update={"view_changes": {}}) == reference
    assert (reference.views, reference.view_changes) == ("paper-code", {})
    pairs = zip(named_pair("paper-code", own.view_changes), PAIRS["paper-code"], strict=True)
    used = []
    for left, whole in pairs:
        others = {name for name, value in whole if getattr(left, name) == value}
        operation = getattr(whole, LEFT_OUT[arm])
        used.append(operation.probability())
        assert {*whole.operations()} - others == ({LEFT_OUT[arm]} if used[-1] else set())
        assert getattr(left, LEFT_OUT[arm]).probability() == 0
    assert any(used)
