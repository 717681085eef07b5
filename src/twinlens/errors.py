"""Errors that a user can fix: one sentence that says what is wrong, where, and what to do."""

from collections.abc import Iterable
from difflib import get_close_matches
from importlib import import_module
from types import ModuleType


class UserError(Exception):
    """A mistake in the input. The command line prints its sentence and exits with code 2."""


def unknown(kind: str, name: object, valid: Iterable[str]) -> UserError:
    """Build the error for a name that is not in a table.

    Args:
        kind: What the name should have been, for example ``"encoder"``.
        name: The name as given.
        valid: The names that would have been right.
    """
    names = sorted(valid)
    close = get_close_matches(str(name), names, n=1)
    hint = f" Did you mean '{close[0]}'?" if close else ""
    return UserError(f"Unknown {kind} '{name}'.{hint} Valid: {', '.join(names) or 'none'}.")


def require(package: str, *, extra: str) -> ModuleType:
    """Import an optional package, or say which extra brings it.

    Raises:
        UserError: The package is not installed or does not import.
    """
    try:
        return import_module(package)
    except ImportError as error:
        raise UserError(
            f"This needs the package '{package}' ({error}): pip install 'twinlens[{extra}]'."
        ) from error
    except RuntimeError as error:
        raise UserError(
            f"The package '{package}' is installed, but a library below it is broken ({error}): "
            "install builds of torch and torchvision that belong together."
        ) from error
