"""From a request to the options of a command: names, types, defaults and help are the request's."""

import functools
import inspect
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import MISSING, Field, fields
from pathlib import Path
from typing import Annotated, Any, get_args, get_type_hints

import typer

from twinlens.docstrings import describe_attributes
from twinlens.errors import UserError
from twinlens.requests.base import Request, option


def from_request(
    act: Callable[..., None], values: Mapping[str, Iterable[str]] | None = None
) -> Callable[..., None]:
    """Turn a function of a request into a function that typer makes a command of.

    Args:
        act: What the command does. Its first argument is the request, whose fields become
            options. Further arguments, annotated as typer wants them, are options that the
            command line alone has.
        values: Valid values by field, which its help lists.
    """
    first, *others = inspect.signature(act, eval_str=True).parameters.values()
    request: type[Request] = first.annotation
    keyword_only = inspect.Parameter.KEYWORD_ONLY
    parameters = [
        *_parameters(request, values or {}),
        *(p.replace(kind=keyword_only) for p in others),
    ]
    names = {field.name for field in fields(request)}

    @functools.wraps(act)
    def command(**values: Any) -> None:
        given = {name: _value(values[name], hint) for name, hint in hints.items()}
        act(request(**given), **{k: v for k, v in values.items() if k not in names})

    hints = {name: hint for name, hint in get_type_hints(request).items() if name in names}
    command.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    del command.__wrapped__
    command.__annotations__ = {p.name: p.annotation for p in parameters}
    command.__doc__ = inspect.cleandoc(request.__doc__ or "").partition("\n\nAttributes:")[0]
    return command


def _parameters(
    request: type[Request], values: Mapping[str, Iterable[str]]
) -> Iterator[inspect.Parameter]:
    hints, described = get_type_hints(request), describe_attributes(request)
    for field in fields(request):
        hint = hints[field.name]
        text = described[field.name].replace("`", "")
        if field.name in values:
            text = f"{text} One of {', '.join(values[field.name])}."
        name = option(request, field.name)
        metavar = "KEY=VALUE" if _is_mapping(hint) else None
        how: Any = typer.Option(name, help=text, metavar=metavar)
        if field.name in request.POSITIONAL:
            how = typer.Argument(help=text)
        yield inspect.Parameter(
            field.name,
            inspect.Parameter.KEYWORD_ONLY,
            default=_default(field),
            annotation=Annotated[_cli_type(hint), how],
        )


def _default(field: "Field[Any]") -> Any:
    """Return a field's default as typer takes it, whose lists are lists."""
    if field.default_factory is not MISSING:
        return []
    if field.default is MISSING:
        return inspect.Parameter.empty
    return [*field.default] if isinstance(field.default, tuple) else field.default


def _cli_type(hint: Any) -> Any:
    """Return the type with which typer reads a field, of the one that the request declares."""
    parts = get_args(hint)
    if _is_mapping(hint):
        return list[str]
    for part in (hint, *parts):
        if getattr(part, "__origin__", None) is Sequence:
            return list[str]
        if getattr(part, "__origin__", None) is tuple:
            inner = get_args(part)[0]
            if str in get_args(inner):  # a path or a URL, whose // a path would lose
                return list[str]
            return list[_cli_type(inner)]  # type: ignore[misc]
    if Path in parts:
        return Path | None if type(None) in parts else Path
    if float in parts and str in parts:
        return str | None
    return hint


def _value(value: Any, hint: Any) -> Any:
    """Return an option's value as the request takes it."""
    if _is_mapping(hint) and get_args(hint)[1] is str:
        return dict(_pair(assignment) for assignment in value)
    if _is_mapping(hint):
        from twinlens.config import override

        return override({}, value)
    if isinstance(value, list):
        return tuple(value)
    if isinstance(value, str) and float in get_args(hint):
        try:
            return float(value)
        except ValueError:
            return value
    return value


def _pair(assignment: str) -> tuple[str, str]:
    key, equals, value = assignment.partition("=")
    if not equals:
        raise UserError(f"'{assignment}' is no KEY=VALUE: write it as in pool=unlabelled.")
    return key, value


def _is_mapping(hint: Any) -> bool:
    return getattr(hint, "__origin__", None) is Mapping
