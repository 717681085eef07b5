"""Checks of a folder: whether what it holds is whole, and what an interruption has left."""

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from twinlens.data.dataset import MARKER, Dataset, hash_again, open_dataset
from twinlens.data.splits import TUNING, open_split, split_names
from twinlens.errors import UserError
from twinlens.files import at_work, replaced, work_folder
from twinlens.health.files import check_files, trial
from twinlens.health.finding import Finding, broken, note, ok
from twinlens.health.study import check_study
from twinlens.models.bundle import INFO
from twinlens.models.ensemble import ENSEMBLE
from twinlens.records.evaluation import EVALUATION
from twinlens.records.run import RUN
from twinlens.study.running.paths import STUDY


def check_folder(path: Path) -> Iterator[Finding]:
    """Check a folder that Twinlens has written, whatever it holds.

    Raises:
        UserError: There is nothing that Twinlens has written.
    """
    path = path.with_name(path.name.removesuffix(".partial")).resolve()
    left = [*_leftovers(path)]
    yield from left
    kinds: dict[str, Callable[[Path], Iterator[Finding]]] = {
        MARKER: check_dataset,
        RUN: check_files,
        STUDY: check_study,
        INFO: check_files,
        ENSEMBLE: check_files,
        EVALUATION: check_files,
    }
    found = next((check for marker, check in kinds.items() if (path / marker).exists()), None)
    if found is not None:
        yield from found(path)
    elif not left:
        raise UserError(
            f"{path} holds no data set, run, study, search, model or evaluation: name the folder "
            "that was given to --out."
        )


def check_dataset(folder: Path) -> Iterator[Finding]:
    """Check the images and the table of a data set against its hash, and its splits."""
    try:
        data = open_dataset(folder)
    except UserError as error:
        yield broken(folder, str(error))
        return
    if len(data.table) != data.record.images:
        text = f"the table has {len(data.table)} rows, {MARKER} says {data.record.images}."
        yield broken(folder, text, "Import it again with --overwrite.")
    elif hash_again(data) != data.hash:
        text = "images or table were changed: they no longer have the hash of the data set."
        yield broken(folder, text, "Copy the folder again, or import it again with --overwrite.")
    else:
        yield ok(folder, f"{len(data.table)} images, as their hash {data.hash[:12]} says.")
    tuning = sorted((folder / "splits" / TUNING).glob("*.json"))
    for name in (*split_names(data), *(f"{TUNING}{path.stem}" for path in tuning)):
        yield trial(f"Split {name}", partial(_split_hash, data, name))


def _split_hash(data: Dataset, name: str) -> str:
    return f"hash {open_split(data, name).hash[:12]}."


def _leftovers(path: Path) -> Iterator[Finding]:
    """Say what interrupted commands have left of a folder, and what is to become of it."""
    work, old = work_folder(path), replaced(path)
    if at_work(path):
        yield note(work, "a process is making it right now.")
    elif work.exists():
        text = "left by a process that was interrupted."
        yield note(work, text, "The same command resumes it (--resume), or delete it.")
    if old.exists() and not path.exists():
        text = "holds what was to be replaced: a process was killed while it did so."
        yield broken(old, text, f"The same command puts it back, or rename it to {path.name}.")
    elif old.exists():
        yield note(old, "was replaced, and could not be deleted.", "Delete it.")
