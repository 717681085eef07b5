"""Loading, overriding and checking of configuration files."""

import math
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError

from twinlens.errors import UserError, unknown


class Config(BaseModel):
    """Base of every configuration: unknown keys are errors, values do not change."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


C = TypeVar("C", bound=BaseModel)


_MOST_VALUES = 1_000_000


class _Loader(yaml.SafeLoader):
    """Refuses a key that comes twice, where YAML's own loader keeps the last and says nothing.

    It also refuses aliases that stand for themselves, or a few lines of which stand for so many
    values that checking them would never end.
    """

    def get_single_node(self) -> yaml.Node | None:
        node: yaml.Node | None = super().get_single_node()
        if node is not None and _count(node, {}) > _MOST_VALUES:
            raise yaml.YAMLError(f"its aliases (*) stand for more than {_MOST_VALUES:,} values")
        return node

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen: set[str] = set()
        for key in (key for key, _ in node.value if isinstance(key, yaml.ScalarNode)):
            if key.value in seen:
                line = key.start_mark.line + 1
                raise yaml.YAMLError(f"the key '{key.value}' comes twice, again in line {line}")
            seen.add(key.value)
        return super().construct_mapping(node, deep)


def _count(node: yaml.Node, known: dict[int, float]) -> float:
    """Return how many values a node stands for; `known` holds those of other nodes."""
    if id(node) not in known:
        known[id(node)] = math.inf  # within itself
        parts = node.value if isinstance(node, yaml.CollectionNode) else ()
        inner = [part for entry in parts for part in (entry if type(entry) is tuple else [entry])]
        known[id(node)] = 1 + sum(_count(part, known) for part in inner)
    return known[id(node)]


# YAML 1.1, which the loader implements, reads 1e-4 as text; 1.2 and everybody else as a number.
_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float",
    re.compile(r"[-+]?(\.\d+|\d+(\.\d*)?)[eE][-+]?\d+$"),
    [*"-+.0123456789"],
)


def read_yaml(path: Path) -> dict[str, Any]:
    """Read a YAML file that holds keys and values.

    Raises:
        UserError: The file is missing, is not YAML, has a key twice, or holds something else.
    """
    try:
        content = yaml.load(path.read_text(encoding="utf-8"), _Loader)
    except (FileNotFoundError, IsADirectoryError) as error:
        raise UserError(f"{path} is not a file.") from error
    except OSError:
        raise
    except Exception as error:  # values such as the date 2026-99-99 make the loader raise anything
        raise UserError(f"{path} is not valid YAML: {' '.join(str(error).split())}.") from error
    if not isinstance(content, dict):
        raise UserError(f"{path} must hold keys and values, such as 'seeds: 3'.")
    return content


def override(content: dict[str, Any], settings: Iterable[str]) -> dict[str, Any]:
    """Return `content` with settings of the form ``key.subkey=value`` applied.

    Values are read as YAML, so ``epochs=3`` is a number and ``seeds=[0,1]`` a list.

    >>> override({"train": {"epochs": 40}}, ["train.epochs=3"])
    {'train': {'epochs': 3}}
    """
    result = dict(content)
    for setting in settings:
        key, equals, value = setting.partition("=")
        if not equals or not key:
            raise UserError(f"--set {setting}: write it as key=value, such as train.epochs=3.")
        *parents, last = key.split(".")
        node = result
        for name in parents:
            child = node.get(name) or {}
            if not isinstance(child, dict):
                raise UserError(f"--set {setting}: '{name}' holds a value, not keys.")
            node[name] = dict(child)
            node = node[name]
        try:
            node[last] = yaml.load(value, _Loader)
        except Exception as error:  # as in `read_yaml`
            raise UserError(f"--set {setting}: '{value}' is not valid YAML.") from error
    return result


def parse(model: type[C], content: dict[str, Any], *, where: str) -> C:
    """Check `content` against a configuration model.

    Args:
        model: The configuration's class.
        content: Keys and values.
        where: File or option that `content` came from, for the error.

    Raises:
        UserError: Says in one sentence each which key is wrong and what would be right.
    """
    try:
        return model.model_validate(content)
    except ValidationError as error:
        reasons: dict[str, list[str]] = {}
        for problem in error.errors():
            what, reason = _problem(model, dict(problem))
            reasons.setdefault(what, []).append(reason)
        # Of one key several types may have been tried.
        sentences = [what + ", or ".join(dict.fromkeys(said)) for what, said in reasons.items()]
        raise UserError(f"{where}: {'. '.join(sentences)}.") from error


def from_preset(
    model: type[C],
    presets: Mapping[str, dict[str, Any]],
    preset: str,
    settings: Mapping[str, Any],
    *,
    where: str,
) -> C:
    """Return a preset's configuration with some of its values changed.

    Args:
        model: The configuration's class.
        presets: For each preset what differs from the class's defaults.
        preset: A name in `presets`.
        settings: What differs from the preset.
        where: File or option that the settings came from, for the error.
    """
    if preset not in presets:
        raise unknown("preset", preset, presets)
    return parse(model, presets[preset] | dict(settings), where=where)


def keys(model: type[BaseModel]) -> list[str]:
    """Return a configuration's keys as files write them."""
    return [field.alias or name for name, field in model.model_fields.items()]


_MARK = re.compile(r"\[|(constrained-|union\[|literal\[|list\[|tuple\[|function-)")
"""What pydantic adds to the path of a key: which of several types it has tried."""

_EXPECTED = {
    "tuple_type": "a list is needed, such as [{given}]",
    "list_type": "a list is needed, such as [{given}]",
    "dict_type": "keys and values are needed, or {{}} for none",
    "model_type": "keys and values are needed, or {{}} for none",
    "string_type": "text is needed, in quotes where it looks like something else",
}
"""What pydantic's kinds of error ask for, in the words of a YAML file."""


def _problem(model: type[BaseModel], problem: dict[str, Any]) -> tuple[str, str]:
    """Return which key is wrong, and why; together a sentence without its full stop."""
    path = [part for part in problem["loc"] if not _MARK.match(str(part))]
    key = ".".join(map(str, path))
    if problem["type"] == "extra_forbidden":
        parent = ".".join(map(str, path[:-1]))
        kind = f"key below '{parent}':" if parent else "key"
        return str(unknown(kind, path[-1], _fields(model, path[:-1]))).removesuffix("."), ""
    if problem["type"] == "missing":
        return f"The key '{key}' is missing", ""
    given = "" if isinstance(problem["input"], dict | list) else f" (given: {problem['input']!r})"
    expected = _EXPECTED.get(problem["type"], "").format(given=problem["input"])
    message = expected or problem["msg"].removeprefix("Value error, ").rstrip(".")
    if not key:
        return message, ""
    return f"The key '{key}' is wrong{given}: ", f"{message[:1].lower()}{message[1:]}"


def _fields(model: type[BaseModel], path: list[str | int]) -> list[str]:
    """Return the valid keys of the model that lies at `path` below `model`."""
    for name in path:
        if isinstance(name, int) or name not in model.model_fields:
            continue
        inner = _model_in(model.model_fields[name].annotation)
        model = inner or model
    return keys(model)


def _model_in(annotation: Any) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    inner = (_model_in(part) for part in getattr(annotation, "__args__", ()))
    return next((found for found in inner if found), None)
