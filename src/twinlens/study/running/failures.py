"""Why runs failed, noted beside them until they are tried again."""

import traceback
from datetime import UTC, datetime
from pathlib import Path

from twinlens.errors import UserError
from twinlens.files import write_text
from twinlens.records.plan import Failure
from twinlens.study.running.paths import failure_file, failure_files


def note_failure(study: Path, run: str, error: Exception) -> None:
    """Note why a run failed; of an unexpected error, keep the traceback as well.

    Args:
        study: Folder of the study.
        run: Id of the run.
        error: What ended it.
    """
    path, reason = failure_file(study, run), str(error)
    if not isinstance(error, UserError):
        first = next(iter(reason.strip().splitlines()), "")
        reason = f"{type(error).__name__}: {first}".removesuffix(": ")
        write_text(path.with_suffix(".txt"), "".join(traceback.format_exception(error)))
    when = datetime.now(UTC).isoformat(timespec="seconds")
    Failure(run=run, reason=reason, when=when).write(path)


def failure(study: Path, run: str) -> str | None:
    """Return why a run failed, or None where it did not."""
    try:
        return Failure.read(failure_file(study, run)).reason
    except UserError:  # there is none, or another process has just removed it
        return None


def forget_failures(study: Path) -> None:
    """Remove the notes on failures, so that those runs are tried again."""
    for path in failure_files(study):
        path.unlink(missing_ok=True)
