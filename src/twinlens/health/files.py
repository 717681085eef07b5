"""Checks of single files: whether each can be read to its end."""

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from twinlens.errors import UserError
from twinlens.files import read_json
from twinlens.health.finding import Finding, broken, note, ok
from twinlens.models.bundle import INFO, load_bundle
from twinlens.models.ensemble import ENSEMBLE, read_members
from twinlens.models.tensor_files import read_tensors
from twinlens.parquet import read_table
from twinlens.records.run import RUN, read_run


def trial(subject: object, check: Callable[[], str]) -> Finding:
    """Return what a check says, or that what it reads is broken."""
    try:
        return ok(subject, check())
    except UserError as error:
        return broken(subject, str(error))
    except (OSError, ValueError) as error:  # pyarrow's are ValueErrors
        return broken(subject, f"cannot be read ({error}).", "Make it again, or copy it again.")


def check_files(folder: Path) -> Iterator[Finding]:
    """Read every record, table and weight file of a folder; models are checked by their hash."""
    paths = sorted(path for path in folder.rglob("*") if path.name in _READ or _by_suffix(path))
    found = [trial(path, partial(_read, path)) for path in paths]
    bad = [finding for finding in found if finding.level == "BROKEN"]
    yield from bad
    if not bad:
        yield ok(folder, f"all {len(found)} records, tables and weight files can be read.")
    for half in sorted(folder.rglob(".*.tmp")):
        yield note(half, "a file that was being written when its process ended.", "Delete it.")


def _read(path: Path) -> str:
    (_READ.get(path.name) or _by_suffix(path) or read_json)(path)
    return "readable."


def _by_suffix(path: Path) -> Callable[[Path], object] | None:
    return None if path.name.startswith(".") else _SUFFIXES.get(path.suffix)


def _finite_tensors(path: Path) -> None:
    wrong = [name for name, tensor in read_tensors(path).items() if not tensor.isfinite().all()]
    if wrong:
        raise UserError(f"{wrong[0]} is not finite: train it again.")


_READ: dict[str, Callable[[Path], object]] = {
    INFO: lambda path: load_bundle(path.parent),
    ENSEMBLE: lambda path: read_members(path.parent),
    RUN: lambda path: read_run(path.parent),
}
_SUFFIXES: dict[str, Callable[[Path], object]] = {
    ".json": read_json,
    ".parquet": read_table,
    ".safetensors": _finite_tensors,
}
