"""What a run keeps about itself, so that anybody can tell what it was and run it again."""

import json
import shlex
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pandas as pd
from lightning_fabric import Fabric

from twinlens.data.dataset import Dataset
from twinlens.data.splits import Split, counts
from twinlens.engine.loop import CHECKPOINT
from twinlens.errors import UserError
from twinlens.files import atomic_file, atomic_folder, digest, read_json, work_folder, write_json

RUN = "run.json"
_REQUEST = "request.json"


@contextmanager
def running(
    fabric: Fabric, out: Path, request: dict[str, Any], *, overwrite: bool, resume: bool
) -> Iterator[Path]:
    """Yield the work folder of a run, which becomes `out` at the end; see `files.atomic_folder`.

    Of several processes the first one makes it; where that is refused, the others end silently.

    Args:
        fabric: The engine.
        out: Folder to make.
        request: All that determines the run, noted in the folder.
        overwrite: Replace `out`.
        resume: Go on with an interrupted attempt.

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
                _note(folder, request)
            except UserError as error:
                refusal = error
        if fabric.broadcast(refusal is not None):
            raise refusal or SystemExit
        yield folder
    fabric.barrier()


def _note(folder: Path, request: dict[str, Any]) -> None:
    """Note in a work folder what is being made, or check that it is the same as before."""
    path = folder / _REQUEST
    request = {**request, "digest": digest(request)}
    if not path.exists():
        write_json(path, request)
        return
    earlier = read_json(path)
    if earlier["digest"] != request["digest"]:
        changed = sorted(k for k in request if k != "digest" and earlier.get(k) != request[k])
        raise UserError(
            f"{folder} was started with other settings ({', '.join(changed) or 'other keys'}): "
            "resume it with the settings it had, or pass --overwrite to start again."
        )


def finish(
    folder: Path,
    record: dict[str, Any],
    history: pd.DataFrame,
    *,
    began: float,
    images_per_step: int,
) -> None:
    """Write run.json and history.parquet, and drop what only resuming needed.

    Args:
        folder: The work folder.
        record: What run.json holds, beside ``seconds`` (of the attempt that came to the end) and
            ``images_per_s`` (over all training steps; None where there were none).
        history: A row a step, as `loop.train` returns it.
        began: When this attempt began, by `time.monotonic`.
        images_per_step: Images in a batch.
    """
    with atomic_file(folder / "history.parquet") as temporary:
        history.to_parquet(temporary, index=False)
    speed = images_per_step * len(history) / history["seconds"].sum() if len(history) else None
    times = {"seconds": time.monotonic() - began, "images_per_s": speed}
    write_json(folder / RUN, record | times)
    for leftover in (folder / _REQUEST, folder / CHECKPOINT):
        leftover.unlink(missing_ok=True)


def command(
    name: str,
    dataset: Path | str,
    out: Path | str,
    settings: dict[str, Any] | None,
    **options: str | Path | float | None,
) -> str:
    """Return the command line that does the same again."""
    words = ["twinlens", name, str(dataset), "--out", str(out)]
    for option, value in options.items():
        if value is not None:
            words += [f"--{option.replace('_', '-')}", str(value)]
    for key, setting in (settings or {}).items():
        words += ["--set", f"{key}={json.dumps(setting)}"]
    return shlex.join(words)


def read_run(folder: Path) -> dict[str, Any]:
    """Read a finished run's record.

    Raises:
        UserError: The folder is not a finished run.
    """
    if not (folder / RUN).exists():
        raise UserError(f"{folder} is not a finished run: it holds no {RUN}.")
    record: dict[str, Any] = read_json(folder / RUN)
    return record


def describe_data(dataset: Dataset, split: Split) -> dict[str, Any]:
    """Describe data set and split, with the hashes that identify them."""
    return {
        "path": str(dataset.path),
        "hash": dataset.hash,
        "size": dataset.size,
        "classes": dataset.classes,
        "class_info": {n: i.model_dump() for n, i in dataset.class_info.items()},
        "counts": counts(dataset, split),
        "split": split.name,
        "split_hash": split.hash,
        "notice": dataset.record.notice,
    }
