"""Carrying out a plan: each run once, in its own folder, whole or not there."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import torch

from twinlens.console import say
from twinlens.errors import UserError
from twinlens.evaluation.openings import OPENINGS
from twinlens.finetuning.train import train
from twinlens.pretraining.train import pretrain
from twinlens.study.plan import Run
from twinlens.study.store import is_finished, run_folder


def execute(
    plan: Iterable[Run], *, study: Path, data: str, split: str, device: str
) -> dict[str, str]:
    """Do the runs that are not done yet; resume what was interrupted.

    A run that fails does not stop the others, save those that need it.

    Args:
        plan: The runs, each after what it needs.
        study: Folder of the study.
        data: Folder of the data set.
        split: Name of the split.
        device: "auto", "cpu", "cuda" or "mps".

    Returns:
        For each run that failed, why.
    """
    runs, failures = list(plan), dict[str, str]()
    for number, run in enumerate(runs, start=1):
        if is_finished(study, run):
            continue
        if run.needs in failures:
            failures[run.id] = f"It needs {run.needs}, which failed."
            continue
        say(f"[{number}/{len(runs)}] {run.id}")
        try:
            _do(run, study, data, split, device)
        except (UserError, torch.OutOfMemoryError) as error:
            say(f"Failed: {error}")
            failures[run.id] = str(error)
    return failures


def _do(run: Run, study: Path, data: str, split: str, device: str) -> None:
    out = run_folder(study, run)
    common: dict[str, Any] = {"split": split, "device": device, "resume": True}
    if run.kind == "pretrain":
        pretrain(data, out, **run.arguments, **common)
        return
    pretrained = study / "runs" / run.needs if run.needs else None
    log = study / OPENINGS
    train(data, out, pretrained=pretrained, openings=log, **run.arguments, **common)
