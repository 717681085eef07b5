"""What holds for every request: one contract, whatever the command."""

import inspect
import shlex
from dataclasses import MISSING, fields, replace
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules

import pytest
import typer
from typer.testing import CliRunner

import twinlens.requests
from twinlens.commands.from_request import from_request
from twinlens.docstrings import describe_attributes
from twinlens.requests.base import Request, option, validated
from twinlens.requests.compare import CompareRequest
from twinlens.requests.predictions import PredictionsRequest
from twinlens.requests.tune import TuneRequest

REQUESTS = {
    value.COMMAND: value
    for module in iter_modules(twinlens.requests.__path__)
    for value in vars(import_module(f"twinlens.requests.{module.name}")).values()
    if inspect.isclass(value) and issubclass(value, Request) and value is not Request
}
every_request = pytest.mark.parametrize("request_class", REQUESTS.values(), ids=REQUESTS)


def _example(request_class):
    """A request with all fields that must be given, and some that differ from their default."""
    values = {"overwrite": True, "seed": 7, "split": "folds"}
    for field in fields(request_class):
        if field.default is MISSING and field.default_factory is MISSING:
            values[field.name] = {
                "sources": ("a", "b"),
                "images": ("a.png", "https://host/b.png"),
                "datasets": ("a", "b"),
                "repository": "owner/name",
            }.get(field.name, Path("x"))
    if request_class not in (CompareRequest, TuneRequest):
        values["settings"] = {"epochs": 3, "lr": 1e-4}
    names = {field.name for field in fields(request_class)}
    return request_class(**{name: value for name, value in values.items() if name in names})


@every_request
def test_every_field_is_described(request_class):
    described = describe_attributes(request_class)
    assert {field.name for field in fields(request_class)} <= set(described)
    assert all(text.endswith((".", ";")) for text in described.values())


@every_request
def test_no_two_fields_share_an_option(request_class):
    names = [option(request_class, f.name) for f in fields(request_class)]
    assert len(names) == len(set(names))
    assert {*request_class.POSITIONAL, *request_class.OPTIONS, *request_class.FLAGS} <= {
        field.name for field in fields(request_class)
    }


@every_request
def test_its_command_line_asks_for_the_same(request_class):
    if request_class is PredictionsRequest:
        pytest.skip("a study asks for it; there is no command")
    example, requests, app = validated(_example(request_class)), [], typer.Typer()

    def command(request):
        requests.append(validated(request))

    command.__annotations__ = {"request": request_class}
    app.command()(from_request(command))
    words = shlex.split(example.command_line())
    assert words[:2] == ["twinlens", request_class.COMMAND.split()[0]]
    given = words[1 + len(request_class.COMMAND.split()) :]
    result = CliRunner().invoke(app, given)
    assert result.exit_code == 0, result.output
    handling = {
        name: getattr(example, name) for name in request_class.HANDLING if hasattr(example, name)
    }
    assert [replace(request, **handling) for request in requests] == [example]
