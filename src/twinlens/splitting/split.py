"""What ``twinlens split`` does: by shares, the paper's table, folds or sites, or extending one."""

from functools import partial

from twinlens.console import say
from twinlens.data.dataset import Dataset, open_dataset
from twinlens.data.splits import Split, has_split, listing, open_split, write_split
from twinlens.errors import UserError
from twinlens.records.split import RandomSplit, Shares
from twinlens.requests.base import accepts, option
from twinlens.requests.split import SplitRequest
from twinlens.splitting.assignment import Assignment, sample_of
from twinlens.splitting.extending import extension_plan
from twinlens.splitting.holding_out import held_out_plans
from twinlens.splitting.plans import Plan, fold_plans, preset_plan, share_plan

OPTIONS = ("preset", "per_class", "val", "test", "folds", "repeats", "hold_out", "extend")

EXCLUSIVE = {
    "preset": ("folds", "hold_out", "extend", "per_class", "val", "test"),
    "folds": ("hold_out", "extend", "repeats", "test"),
    "hold_out": ("extend", "repeats", "test"),
    "extend": ("repeats", "per_class", "val", "test"),
}
"""Options that each option of `split` excludes."""


@accepts(SplitRequest)
def split(request: SplitRequest) -> list[Split]:
    """Draw one split of a data set or several, which are written all or none.

    Images without a label go to unlabelled, and so do labelled ones beyond `per_class`. Those
    whose group is in val or test are left out instead, and counted as dropped. The same
    arguments give the same split.

    Returns:
        One split, or one per fold, repeat or value.

    Raises:
        UserError: The arguments make no sense or exclude each other, there is nothing to split,
            or a name is taken by a split made otherwise.
    """
    _check(request)
    dataset = open_dataset(request.dataset)
    return _make(dataset, _plans(dataset, request))


def _plans(dataset: Dataset, request: SplitRequest) -> list[Plan]:
    seed, name = request.seed, request.name
    val = 0.1 if request.val is None else request.val
    shares = Shares(per_class=request.per_class, val=val)
    if request.folds is not None:
        return fold_plans(dataset, request.folds, shares, seed, name)
    if request.hold_out is not None:
        return held_out_plans(dataset, request.hold_out, shares, seed, name)
    if request.extend is not None:
        return [extension_plan(dataset, request.extend, seed, name)]
    if request.preset is not None:
        plan = partial(preset_plan, dataset, request.preset)
    else:
        test = 0.2 if request.test is None else request.test
        shares = Shares(per_class=request.per_class, val=val, test=test)
        plan = partial(share_plan, dataset, sample_of(dataset), shares)
    if request.repeats is None:
        return [plan(seed, name)]
    seeds = range(seed, seed + request.repeats)
    return [plan(number, name and f"{name}-seed{number}") for number in seeds]


def _check(request: SplitRequest) -> None:
    given = [name for name in OPTIONS if getattr(request, name) is not None]
    for name in given:
        for other in set(given).intersection(EXCLUSIVE.get(name, ())):
            first, second = option(SplitRequest, name), option(SplitRequest, other)
            raise UserError(f"{first} and {second} exclude each other: pass one of them.")
    for name, least in (("folds", 2), ("repeats", 1)):
        if name in given and getattr(request, name) < least:
            raise UserError(f"--{name} {getattr(request, name)} must be {least} or more.")


def _make(dataset: Dataset, plans: list[Plan]) -> list[Split]:
    existing = {plan.name: _existing(dataset, plan) for plan in plans}
    drawn = {plan.name: plan.draw() for plan in plans if existing[plan.name] is None}
    return [existing[plan.name] or _write(dataset, plan, *drawn[plan.name]) for plan in plans]


def _existing(dataset: Dataset, plan: Plan) -> Split | None:
    """Return the split that is made already.

    Raises:
        UserError: There is one of this name that is another, or no longer lists every image.
    """
    if not has_split(dataset.path, plan.name):
        return None
    existing = open_split(dataset, plan.name)
    held, wanted = existing.record.method.model_dump(), plan.method.model_dump()
    differing = sorted(key for key in {*held, *wanted} if held.get(key) != wanted.get(key))
    if {*differing} - {"links"}:
        raise UserError(
            f"The split '{plan.name}' of {dataset.path} exists already and was made otherwise "
            f"({', '.join(f'{key}: {held.get(key)}' for key in differing)}): choose another name."
        )
    if differing:
        say(
            f"The split '{plan.name}' stays as it is, though an audit has linked other images "
            "since: to merge their groups too, draw it under another name."
        )
    listed = listing(dataset, plan.name)
    fewer_labels = listed["labelled"].sum() < (dataset.labels >= 0).sum()
    if len(listed) < len(dataset.table) or fewer_labels:
        raise UserError(
            f"The split '{plan.name}' is from before {dataset.path} grew: extend it with "
            f"--extend {plan.name}, or choose another name."
        )
    return existing


def _write(dataset: Dataset, plan: Plan, part: Assignment, notes: list[str]) -> Split:
    links = plan.method.links if isinstance(plan.method, RandomSplit) else None
    if links:
        notes = [*notes, f"{links.count:,} near-duplicate links of the audit merge groups."]
    return write_split(
        dataset.path,
        plan.name,
        part,
        plan.method,
        notes=notes,
        previous_hashes=plan.previous_hashes,
    )
