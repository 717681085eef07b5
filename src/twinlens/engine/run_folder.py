"""The folder of a run: made whole, resumed only for the same run, finished with a record."""

import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pandas as pd
from lightning_fabric import Fabric

from twinlens.data.dataset import Dataset
from twinlens.data.splits import Split, counts
from twinlens.engine.loop import CHECKPOINT
from twinlens.errors import UserError
from twinlens.files import atomic_folder, work_folder
from twinlens.parquet import write_table
from twinlens.records.run import RUN, Attempt, DataSummary, PretrainRun, TrainRun

_ATTEMPT = "attempt.json"


@contextmanager
def running(
    fabric: Fabric,
    out: Path,
    determined_by: Mapping[str, Any],
    *,
    overwrite: bool,
    resume: bool,
) -> Iterator[Path]:
    """Yield the work folder of a run, which becomes `out` at the end; see `files.atomic_folder`.

    Of several processes the first one makes it; if that is refused, the others exit silently.

    Args:
        fabric: The Fabric of the run.
        out: Folder to make.
        determined_by: All that determines the results, by name.
        overwrite: Replace `out`.
        resume: Resume an interrupted attempt.

    Raises:
        UserError: `out` may not be made, or the interrupted attempt was for something else.
    """
    with ExitStack() as stack:
        folder, refusal = work_folder(out), None
        if fabric.is_global_zero:
            try:
                folder = stack.enter_context(
                    atomic_folder(
                        out, marker=RUN, overwrite=overwrite, resume=resume, keep=CHECKPOINT
                    )
                )
                _check_attempt(folder, Attempt(determined_by=dict(determined_by)))
            except UserError as error:
                refusal = error
        if fabric.broadcast(refusal is not None):
            raise refusal or SystemExit
        yield folder
    fabric.barrier()


def _check_attempt(folder: Path, attempt: Attempt) -> None:
    """Note in a work folder what is being made, or check that it is the same as before."""
    path = folder / _ATTEMPT
    if not path.exists():
        attempt.write(path)
        return
    before = Attempt.read(path).determined_by
    now = Attempt.parse_text(attempt.model_dump_json(), "The run").determined_by
    changed = sorted(name for name in before.keys() | now if before.get(name) != now.get(name))
    if changed:
        raise UserError(
            f"{folder} was started with other settings ({', '.join(changed)}): resume it with "
            "the settings it had, or pass --overwrite to start again."
        )


def finish(
    folder: Path,
    record: PretrainRun | TrainRun,
    history: pd.DataFrame,
    *,
    began: float,
    images_per_step: int,
) -> None:
    """Write run.json and history.parquet, and delete what only resuming needed.

    Args:
        folder: The work folder.
        record: The run, whose `seconds` and `images_per_s` are filled in here.
        history: One row per step, as `loop.train` returns it.
        began: When this attempt began, by `time.monotonic`.
        images_per_step: Images in a batch.
    """
    write_table(folder / "history.parquet", history)
    speed = images_per_step * len(history) / history["seconds"].sum() if len(history) else None
    times = {"seconds": time.monotonic() - began, "images_per_s": speed}
    record.model_copy(update=times).write(folder / RUN)
    for leftover in (folder / _ATTEMPT, folder / CHECKPOINT):
        leftover.unlink(missing_ok=True)


def describe_data(dataset: Dataset, split: Split) -> DataSummary:
    """Describe data set and split, with the hashes that identify them."""
    return DataSummary(
        path=str(dataset.path),
        hash=dataset.hash,
        size=dataset.size,
        classes=dataset.classes,
        class_info=dataset.class_info,
        counts=counts(dataset, split),
        split=split.name,
        split_hash=split.hash,
        notice=dataset.record.notice,
    )
