"""Why runs failed, noted beside them until they are tried again."""

import traceback
from datetime import UTC, datetime
from pathlib import Path

from twinlens.errors import UserError
from twinlens.files import read_json, write_json, write_text


def note_failure(study: Path, run: str, error: Exception) -> None:
    """Note why a run failed; of what nobody expected, keep the traceback as well.

    Args:
        study: Folder of the study.
        run: Id of the run.
        error: What ended it.
    """
    if isinstance(error, UserError):
        reason = str(error)
    else:
        first = next(iter(str(error).strip().splitlines()), "")
        reason = f"{type(error).__name__}: {first}".removesuffix(": ")
        text = "".join(traceback.format_exception(error))
        write_text(_path(study, run).with_suffix(".txt"), text)
    when = datetime.now(UTC).isoformat(timespec="seconds")
    write_json(_path(study, run), {"run": run, "reason": reason, "when": when})


def failure(study: Path, run: str) -> str | None:
    """Return why a run failed, or None where it did not."""
    try:
        return str(read_json(_path(study, run))["reason"])
    except UserError:  # there is none, or another process has just forgotten it
        return None


def forget_failures(study: Path) -> None:
    """Forget what failed, so that it is tried again."""
    for path in (study / "runs").glob("*.failed.*"):
        path.unlink(missing_ok=True)


def _path(study: Path, run: str) -> Path:
    return study / "runs" / f"{run}.failed.json"
