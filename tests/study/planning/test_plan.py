import pytest

from twinlens.config import parse
from twinlens.errors import UserError
from twinlens.study.planning.config import Study
from twinlens.study.planning.plan import make_plan


def _plan(data_hash="d", **changes):
    content = {
        "data": "x",
        "encoder": "resnet18",
        "seeds": 2,
        "label_fractions": [0.5, 1.0],
        "arms": {
            "plain": {},
            "twins": {"pretrain": {}},
            "twins, probed": {"pretrain": {}, "train": {"tuning": "linear_probe"}},
            "longer": {"pretrain": {"epochs": 99}},
        },
    }
    study = parse(Study, content | changes, where="test")
    return make_plan(study, data_hash=data_hash, split_hash="s")


def test_there_is_one_pretraining_a_seed_shared_by_label_fractions_and_tunings():
    plan = _plan()
    pretrainings = [run for run in plan if run.kind == "pretrain"]
    assert len(pretrainings) == 4  # two seeds, two different pretrainings
    assert len(plan) == 4 + 2 * 4 * 2
    users = {run.arm for run in plan if run.needs == pretrainings[0].id and run.kind == "train"}
    assert users == {"twins", "twins, probed"}


def test_every_run_comes_after_what_it_needs_and_has_its_own_name():
    plan = _plan()
    names = [run.id for run in plan]
    assert len(set(names)) == len(names)
    for place, run in enumerate(plan):
        assert run.needs is None or run.needs in names[:place]


def test_names_depend_on_all_that_determines_a_run_and_on_nothing_else():
    assert [r.id for r in _plan()] == [r.id for r in _plan()]
    assert not {r.id for r in _plan()} & {r.id for r in _plan(data_hash="other")}
    more_seeds = {r.id for r in _plan(seeds=3)}
    assert {r.id for r in _plan()} < more_seeds
    changed = _plan(train={"epochs": 3})
    kept = {r.id for r in _plan()} & {r.id for r in changed}
    assert kept == {r.id for r in changed if r.kind == "pretrain"}


def test_arms_of_one_seed_share_seed_label_fraction_and_settings():
    trainings = [
        r for r in _plan() if r.kind == "train" and r.seed == 1 and r.label_fraction == 0.5
    ]
    plain, twins = trainings[0], trainings[1]
    assert plain.request == twins.request
    assert plain.id != twins.id


def test_predictions_of_another_tool_stand_for_trainings(tmp_path):
    arms = {
        "plain": {},
        "theirs": {"predictions": f"{tmp_path}/s{{seed}}-b{{label_fraction}}.csv"},
        "one model of theirs": {"predictions": f"{tmp_path}/one.csv"},
    }
    runs = [run for run in _plan(arms=arms) if run.kind == "predictions"]
    theirs = {(r.seed, r.label_fraction): r.request.file for r in runs if r.arm == "theirs"}
    assert theirs == {(s, b): f"{tmp_path}/s{s}-b{b:g}.csv" for s in (0, 1) for b in (0.5, 1.0)}
    assert [(r.seed, r.label_fraction) for r in runs if r.arm != "theirs"] == [(0, 1.0)]
    (tmp_path / "one.csv").write_text("other content", encoding="utf-8")
    changed = {r.id for r in runs} - {r.id for r in _plan(arms=arms)}
    assert changed == {r.id for r in runs if r.arm == "one model of theirs"}


def test_an_arm_may_have_fewer_seeds():
    plan = _plan(seeds=3, arms={"plain": {}, "costly": {"seeds": 1, "pretrain": {}}})
    assert {r.seed for r in plan if r.arm == "plain"} == {0, 1, 2}
    assert {r.seed for r in plan if r.arm == "costly" or r.kind == "pretrain"} == {0}


def test_no_arm_is_lost_behind_another_of_the_same_folder():
    with pytest.raises(UserError, match=r"'A \+ b' and 'a b' have equal settings.*same folder"):
        _plan(arms={"A + b": {}, "a b": {}})
    told_apart = _plan(arms={"A + b": {}, "a b": {"train": {"epochs": 3}}})
    assert len({run.id for run in told_apart}) == 2 * 2 * 2


def test_the_name_of_a_folder_has_a_bound():
    assert max(len(run.id) for run in _plan(arms={"long " * 100: {"pretrain": {}}})) < 150
