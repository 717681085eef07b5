import inspect
import shlex
from collections.abc import Mapping
from dataclasses import KW_ONLY, dataclass, field
from pathlib import Path
from typing import Any, ClassVar

import pytest
import typer
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from twinlens.commands.from_request import from_request
from twinlens.errors import UserError
from twinlens.requests.base import Request, accepts, option


@dataclass(frozen=True)
class PaintRequest(Request):
    """Paint a picture.

    Attributes:
        canvas: Where to paint.
        out: File to write.
        colours: Colours to use.
        settings: Settings of the brush.
        width: Width of the brush.
        lr: A number or a word.
        wet: Whether the paint is wet.
        device: What paints.
    """

    COMMAND: ClassVar = "paint"
    POSITIONAL: ClassVar = ("canvas",)
    OPTIONS: ClassVar = {"colours": "colour"}
    FLAGS: ClassVar = ("width",)

    canvas: Path | str
    out: Path | str
    _: KW_ONLY
    colours: tuple[str, ...] = ()
    settings: Mapping[str, Any] = field(default_factory=dict)
    width: int | None = None
    lr: float | str | None = None
    wet: bool = False
    device: str = "auto"


@accepts(PaintRequest)
def paint(request: PaintRequest) -> PaintRequest:
    """Paint, and return the request."""
    return request


def _parsed(line: str) -> PaintRequest:
    """Return the request that the command line makes of a line that a request printed."""
    requests: list[PaintRequest] = []
    app = typer.Typer()

    @app.command()
    @from_request
    def command(request: PaintRequest) -> None:
        requests.append(request)

    name, subcommand, *words = shlex.split(line)
    assert (name, subcommand) == ("twinlens", "paint")
    result = CliRunner().invoke(app, words)
    assert result.exit_code == 0, result.output
    return requests[0]


words = st.text("abcXYZ019 _'\"=", min_size=1).filter(lambda word: word == word.strip())
numbers = st.one_of(st.integers(-5, 5), st.floats(-10, 10), st.booleans(), st.none())


@given(
    canvas=words,
    colours=st.lists(words, max_size=3).map(tuple),
    settings=st.dictionaries(
        st.sampled_from(["a", "b"]), st.one_of(numbers, st.lists(st.integers(), max_size=2))
    ),
    width=st.none() | st.integers(0, 9),
    lr=st.none() | st.floats(1e-7, 10) | st.just("valley"),
    wet=st.booleans(),
)
def test_the_command_line_asks_for_the_same(canvas, colours, settings, width, lr, wet):
    request = PaintRequest(
        Path(canvas), Path("o"), colours=colours, settings=settings, width=width, lr=lr, wet=wet
    )
    assert _parsed(request.command_line()) == request


def test_defaults_and_how_it_is_run_are_left_out_of_the_command_line():
    assert PaintRequest("a", "b", device="cuda").command_line() == "twinlens paint a --out b"


def test_flags_change_settings():
    request = PaintRequest("a", "b", settings={"width": 1, "depth": 2}, width=3)
    assert request.changed_settings() == {"width": 3, "depth": 2}
    assert PaintRequest("a", "b").changed_settings() == {}


def test_a_request_as_json():
    request = PaintRequest(Path("a"), "b", colours=("red",), settings={"x": (1, Path("p"))})
    content = request.as_json()
    assert content["canvas"] == "a"
    assert content["colours"] == ["red"]
    assert content["settings"] == {"x": [1, "p"]}


def test_a_function_is_called_with_the_fields_of_its_request():
    assert paint("a", "b", colours=["red"], width=2) == paint.run(
        PaintRequest("a", "b", colours=("red",), width=2)
    )
    assert "Args:\n    canvas: Where to paint." in (paint.__doc__ or "")
    assert [*inspect.signature(paint).parameters][:3] == ["canvas", "out", "colours"]
    with pytest.raises(TypeError, match="widht"):
        paint("a", "b", widht=2)  # type: ignore[call-arg]


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"width": "wide"}, r"width is wrong \(given: 'wide'\): input should be a valid integer"),
        ({"colours": 3}, r"colour is wrong \(given: 3\)"),
        ({"settings": [1]}, r"set is wrong"),
    ],
)
def test_a_value_of_another_type_is_refused(values, message):
    with pytest.raises(UserError, match=message):
        paint("a", "b", **values)


def test_names_of_options():
    assert option(PaintRequest, "settings") == "--set"
    assert option(PaintRequest, "colours") == "--colour"
    assert option(PaintRequest, "wet") == "--wet"
