"""What ``twinlens split`` does: by shares, the paper's table, folds, site, or by growing."""

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

from twinlens.console import say
from twinlens.data.dataset import Dataset, open_dataset
from twinlens.data.splits import Split, has_split, listing, open_split, write_split
from twinlens.errors import UserError
from twinlens.records.split import RandomSplit, Shares
from twinlens.splitting.assignment import Assignment, sample_of
from twinlens.splitting.extending import extension_plan
from twinlens.splitting.holding_out import held_out_plans
from twinlens.splitting.plans import Plan, fold_plans, preset_plan, share_plan

EXCLUSIVE = {
    "preset": ("folds", "hold_out", "extend", "per_class", "val", "test"),
    "folds": ("hold_out", "extend", "repeats", "test"),
    "hold_out": ("extend", "repeats", "test"),
    "extend": ("repeats", "per_class", "val", "test"),
}
"""Options that each option of `split` excludes."""


def split(
    data: Path | str,
    *,
    preset: str | None = None,
    per_class: int | None = None,
    val: float | None = None,
    test: float | None = None,
    folds: int | None = None,
    repeats: int | None = None,
    hold_out: str | None = None,
    extend: str | None = None,
    seed: int = 0,
    name: str | None = None,
) -> list[Split]:
    """Draw one split of a data set or several, which are written all or none.

    Args:
        data: Folder of the data set.
        preset: ``recommended``, ``paper`` or ``paper-code``: the paper's split of ISIC-2019.
        per_class: At most so many labelled training images a class; None: all.
        val: Share of the labelled images for validation, by default .1; with `folds` and
            `hold_out` a share of those outside test.
        test: Share of the labelled images for test, by default .2.
        folds: So many splits; each labelled image is tested in one of them.
        repeats: So many splits, with seeds from `seed` on.
        hold_out: ``COLUMN=VALUE``: the images with this value are test; or ``COLUMN``: a split
            for each of its values.
        extend: Name of a split that gets what was added to the data set since.
        seed: Seed of the draw.
        name: Name of the split, or what the names of several begin with.

    Returns:
        One split, or as many as folds, repeats or values.

    Raises:
        UserError: The arguments make no sense or exclude each other, there is nothing to split,
            or a name is taken by a split made otherwise.
    """
    options = {"preset": preset, "per_class": per_class, "val": val, "test": test, "folds": folds}
    _check(options | {"repeats": repeats, "hold_out": hold_out, "extend": extend})
    dataset = open_dataset(data)
    shares = Shares(per_class=per_class, val=0.1 if val is None else val)
    if folds is not None:
        return _make(dataset, fold_plans(dataset, folds, shares, seed, name))
    if hold_out is not None:
        return _make(dataset, held_out_plans(dataset, hold_out, shares, seed, name))
    if extend is not None:
        return _make(dataset, [extension_plan(dataset, extend, seed, name)])
    if preset is not None:
        plan = partial(preset_plan, dataset, preset)
    else:
        shares = shares.model_copy(update={"test": 0.2 if test is None else test})
        plan = partial(share_plan, dataset, sample_of(dataset), shares)
    if repeats is None:
        return _make(dataset, [plan(seed, name)])
    seeds = range(seed, seed + repeats)
    return _make(dataset, [plan(each, name and f"{name}-seed{each}") for each in seeds])


def make_split(
    dataset: Dataset,
    *,
    per_class: int | None,
    val: float,
    test: float,
    seed: int,
    name: str | None = None,
) -> Split:
    """Draw a split by whole groups, stratified by class, and write it.

    Images without a label go to unlabelled, and so do labelled ones beyond `per_class`. Those
    whose group is in val or test are left out instead, and counted as dropped. The same
    arguments give the same split.

    Args:
        dataset: What to split.
        per_class: At most so many labelled training images a class; None: all.
        val: Share of the labelled images for validation, approximately.
        test: Share of the labelled images for test, approximately.
        seed: Seed of the draw.
        name: Name of the split; by default it spells the arguments.

    Raises:
        UserError: The arguments make no sense, there is nothing to split, or the name is taken by
            a split made with other arguments.
    """
    shares = Shares(per_class=per_class, val=val, test=test)
    return _make(dataset, [share_plan(dataset, sample_of(dataset), shares, seed, name)])[0]


def _check(options: Mapping[str, Any]) -> None:
    given = [option for option, value in options.items() if value is not None]
    for option in given:
        for other in set(given).intersection(EXCLUSIVE.get(option, ())):
            one, two = (f"--{each.replace('_', '-')}" for each in (option, other))
            raise UserError(f"{one} and {two} exclude each other: pass one of them.")
    for option, least in (("folds", 2), ("repeats", 1)):
        if option in given and options[option] < least:
            raise UserError(f"--{option} {options[option]} must be {least} or more.")


def _make(dataset: Dataset, plans: list[Plan]) -> list[Split]:
    there = {plan.name: _existing(dataset, plan) for plan in plans}
    drawn = {plan.name: plan.draw() for plan in plans if there[plan.name] is None}
    return [there[plan.name] or _write(dataset, plan, *drawn[plan.name]) for plan in plans]


def _existing(dataset: Dataset, plan: Plan) -> Split | None:
    """Return the split that is made already.

    Raises:
        UserError: There is one of this name that is another, or no longer lists every image.
    """
    if not has_split(dataset.path, plan.name):
        return None
    there = open_split(dataset, plan.name)
    held, wanted = there.record.method.model_dump(), plan.method.model_dump()
    differing = sorted(key for key in {*held, *wanted} if held.get(key) != wanted.get(key))
    if {*differing} - {"links"}:
        raise UserError(
            f"The split '{plan.name}' of {dataset.path} exists already and was made otherwise "
            f"({', '.join(f'{key}: {held.get(key)}' for key in differing)}): choose another name."
        )
    if differing:
        say(
            f"The split '{plan.name}' stays as it is, though an audit has linked other images "
            "since: to unite these too, draw it under another name."
        )
    listed = listing(dataset, plan.name)
    fewer_labels = listed["labelled"].sum() < (dataset.labels >= 0).sum()
    if len(listed) < len(dataset.table) or fewer_labels:
        raise UserError(
            f"The split '{plan.name}' is from before {dataset.path} grew: extend it with "
            f"--extend {plan.name}, or choose another name."
        )
    return there


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
