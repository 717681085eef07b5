from twinlens.config import parse
from twinlens.study.config import Study
from twinlens.study.plan import make_plan


def _plan(data_hash="d", **changes):
    content = {
        "data": "x",
        "encoder": "resnet18",
        "seeds": 2,
        "budgets": [0.5, 1.0],
        "arms": {
            "plain": {},
            "twins": {"pretrain": {}},
            "twins, probed": {"pretrain": {}, "train": {"tuning": "probe"}},
            "longer": {"pretrain": {"epochs": 99}},
        },
    }
    study = parse(Study, content | changes, where="test")
    return make_plan(study, data_hash=data_hash, split_hash="s")


def test_there_is_one_pretraining_a_seed_shared_by_budgets_and_tunings():
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


def test_arms_of_one_seed_share_seed_budget_and_settings():
    trainings = [r for r in _plan() if r.kind == "train" and r.seed == 1 and r.budget == 0.5]
    plain, twins = trainings[0], trainings[1]
    assert plain.arguments == twins.arguments
    assert plain.id != twins.id
