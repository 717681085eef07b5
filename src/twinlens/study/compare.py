"""The main job: arms x seeds x label budgets, a table, paired differences and a verdict."""

from collections.abc import Sequence
from pathlib import Path

import yaml

from twinlens.config import read_yaml
from twinlens.console import say
from twinlens.data.dataset import open_dataset
from twinlens.data.splits import open_split
from twinlens.errors import UserError
from twinlens.files import write_json, write_text
from twinlens.study.audit import keep_audit
from twinlens.study.check import check
from twinlens.study.config import Study, as_yaml, read_study
from twinlens.study.execute import execute
from twinlens.study.plan import Run, make_plan
from twinlens.study.results import collect
from twinlens.study.store import ENVIRONMENT, PLAN, RESULTS, STUDY, is_finished
from twinlens.training.device import environment, make_fabric, precision_of


def compare(
    study: Path | str,
    out: Path | str,
    *,
    settings: Sequence[str] = (),
    device: str = "auto",
    dry_run: bool = False,
    resume: bool = False,
) -> Path:
    """Run a study, or what is left of it, and compute its results.

    Args:
        study: The study file (YAML).
        out: Folder of the study. The same study goes on there without being asked.
        settings: Overrides of the form ``key.subkey=value``.
        device: "auto", "cpu", "cuda" or "mps".
        dry_run: Print the plan, and stop.
        resume: Go on in `out` although the study was changed; runs that stay the same are kept.

    Returns:
        The folder `out`.

    Raises:
        UserError: The study is wrong, or `out` holds another one.
    """
    out = Path(out)
    checked = read_study(Path(study), list(settings))
    fabric = make_fabric(checked.precision or "auto", device)
    checked = checked.model_copy(update={"precision": precision_of(fabric)})
    data = open_dataset(checked.data)
    split = open_split(data, checked.split)
    check(checked, data, split)
    checked = checked.model_copy(update={"split": split.name})
    plan = make_plan(checked, data_hash=data.hash, split_hash=split.hash)
    say(_describe(plan, checked, out))
    if dry_run:
        say("\n".join(run.id for run in plan))
        return out
    _claim(out, checked, resume)
    write_text(out / STUDY, as_yaml(checked))
    write_json(out / PLAN, [run.as_dict() for run in plan])
    write_json(out / ENVIRONMENT, environment(fabric))
    keep_audit(out, data, split)
    failures = execute(plan, study=out, data=checked.data, split=split.name, device=device)
    write_json(out / RESULTS, collect(out, checked, plan, failures))
    return out


def _claim(out: Path, study: Study, resume: bool) -> None:
    """Refuse a folder that holds something else, or another study."""
    if not out.exists() or not any(out.iterdir()):
        return
    if not (out / STUDY).exists():
        raise UserError(f"{out} exists and holds no {STUDY}: choose another --out.")
    before, now = read_yaml(out / STUDY), yaml.safe_load(as_yaml(study))
    changed = sorted(key for key in before | now if before.get(key) != now.get(key))
    declared = {"primary_metric", "reference"} & {*changed}
    if declared and (out / RESULTS).exists():
        raise UserError(
            f"{out} has results already, so {' and '.join(sorted(declared))} can no longer be "
            "declared beforehand: choose another --out."
        )
    if changed and not resume:
        raise UserError(
            f"{out} holds a study that differs in {', '.join(changed)}: choose another --out, or "
            "pass --resume to go on with the new one, keeping the runs that stay the same."
        )


def _describe(plan: list[Run], study: Study, out: Path) -> str:
    pretrainings = sum(run.kind == "pretrain" for run in plan)
    done = sum(is_finished(out, run) for run in plan)
    return (
        f"{len(study.arms)} arms x {len(study.seeds)} seeds x {len(study.budgets)} label budgets: "
        f"{len(plan) - pretrainings} trainings and {pretrainings} pretrainings, {done} done "
        f"already; precision {study.precision}."
    )
