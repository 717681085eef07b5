"""The base of all requests, and how a function takes one.

A request is a frozen dataclass. Its fields are the arguments of the Python function of the same
name, the options of the command line, and what a run's record keeps. Its docstring describes them
once for all three. Requests need neither torch nor pydantic to be built, so that `--help` is quick.
"""

import functools
import inspect
import json
import shlex
from collections.abc import Callable, Mapping
from dataclasses import MISSING, Field, dataclass, fields
from pathlib import Path
from typing import Any, ClassVar, Generic, ParamSpec, TypeVar

from twinlens.errors import UserError, in_words

P = ParamSpec("P")
R = TypeVar("R", bound="Request")
T = TypeVar("T")


SHARING = ("workers", "runs_per_gpu", "ray", "max_hours", "dry_run")
"""Fields that say how processes share the runs of a study or a search."""


@dataclass(frozen=True)
class Request:
    """What a command is asked for.

    Class attributes:
        COMMAND: Name of the command.
        POSITIONAL: Fields that the command line takes without an option's name.
        OPTIONS: Option names that differ from the field's, such as ``logger`` for ``loggers``.
        FLAGS: Fields that change a setting, see `changed_settings`.
        HANDLING: Fields that say how to run and where, not what: a rerun need not repeat them.
    """

    COMMAND: ClassVar[str]
    POSITIONAL: ClassVar[tuple[str, ...]] = ()
    OPTIONS: ClassVar[Mapping[str, str]] = {}
    FLAGS: ClassVar[tuple[str, ...]] = ()
    HANDLING: ClassVar[tuple[str, ...]] = ("device", "overwrite", "resume", "loggers")

    def changed_settings(self) -> dict[str, Any]:
        """Return the settings that differ from the preset: the field `settings`, and the flags."""
        flags = {name: getattr(self, name) for name in self.FLAGS}
        given: Mapping[str, Any] = getattr(self, "settings", None) or {}
        return {**given, **{name: value for name, value in flags.items() if value is not None}}

    def as_json(self) -> dict[str, Any]:
        """Return the request as plain values for JSON."""
        return {field.name: _plain(getattr(self, field.name)) for field in fields(self)}

    def command_line(self) -> str:
        """Return the command that asks for the same again, without what has its default."""
        words = ["twinlens", *self.COMMAND.split()]
        for field in fields(self):
            value = getattr(self, field.name)
            if field.name in self.HANDLING or value == _default(field):
                continue
            for text in _words(value):
                positional = field.name in self.POSITIONAL
                words += [text] if positional else [option(type(self), field.name), text]
            if value is True:
                words.append(option(type(self), field.name))
        return shlex.join(words)


def option(request: type[Request], name: str) -> str:
    """Return the command-line option of a request's field, such as ``--label-fraction``."""
    default = "set" if name == "settings" else name.replace("_", "-")
    return "--" + request.OPTIONS.get(name, default)


def validated(request: R) -> R:
    """Return a request whose values have the types that its fields declare.

    Raises:
        UserError: A value has another type.
    """
    from pydantic import ConfigDict, TypeAdapter, ValidationError

    cls = type(request)
    cls.__pydantic_config__ = ConfigDict(allow_inf_nan=False)  # type: ignore[attr-defined]
    try:
        values = {field.name: getattr(request, field.name) for field in fields(request)}
        return TypeAdapter(cls).validate_python(values)
    except ValidationError as error:
        problem = error.errors()[0]
        name = str(problem["loc"][0])
        raise UserError(
            f"{option(cls, name).removeprefix('--')} is wrong (given: {problem['input']!r}): "
            f"{problem['msg'][:1].lower()}{problem['msg'][1:]}."
        ) from error


class Command(Generic[P, R, T]):
    """A function of a request that is also called with the request's fields.

    Attributes:
        request: The class of the request.
        run: The function itself, which takes a request.
    """

    def __init__(self, request: Callable[P, R], run: Callable[[R], T]) -> None:
        self.request = request
        self.run = _in_words(run)
        functools.update_wrapper(self, run)
        self.__signature__ = inspect.signature(request)
        self.__doc__ = f"{inspect.cleandoc(run.__doc__ or '')}\n\n{_arguments(request)}".strip()

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> T:
        """Build the request, check its types, and do what it asks for."""
        return self.run(validated(self.request(*args, **kwargs)))


def accepts(request: Callable[P, R]) -> Callable[[Callable[[R], T]], Command[P, R, T]]:
    """Turn a function of a request into a `Command`, called with the fields of the request."""
    return lambda run: Command(request, run)


def _in_words(run: Callable[[R], T]) -> Callable[[R], T]:
    """Turn what the operating system refuses into a sentence."""

    @functools.wraps(run)
    def told(request: R) -> T:
        try:
            return run(request)
        except OSError as error:
            raise in_words(error) from error

    return told


def _arguments(request: Callable[..., Request]) -> str:
    """Return the section of a docstring that describes a request's fields."""
    section = inspect.cleandoc(request.__doc__ or "").partition("Attributes:\n")[2]
    return f"Args:\n{section}" if section else ""


def _default(field: "Field[Any]") -> Any:
    if field.default_factory is not MISSING:
        return field.default_factory()
    return field.default


def _words(value: Any) -> list[str]:
    """Return a value as the words of a command line, one for each time that its option is given."""
    if isinstance(value, bool) or value is None:
        return []
    if isinstance(value, Mapping):
        return [f"{key}={_text(inner)}" for key, inner in value.items()]
    if isinstance(value, tuple | list):
        return [str(inner) for inner in value]
    return [str(value)]


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(_plain(value))


def _plain(value: Any) -> Any:
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, Mapping):
        return {key: _plain(inner) for key, inner in value.items()}
    if isinstance(value, tuple | list):
        return [_plain(inner) for inner in value]
    return value
