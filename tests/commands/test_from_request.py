from collections.abc import Mapping
from dataclasses import KW_ONLY, dataclass, field
from pathlib import Path
from typing import Annotated, Any, ClassVar

import pytest
import typer
from typer.testing import CliRunner

from twinlens.commands.from_request import from_request
from twinlens.requests.base import Request


@dataclass(frozen=True)
class SailRequest(Request):
    """Sail to an island.

    Attributes:
        islands: Where to go, such as `Rhodes`.
        crew: How many.
        log: File to write.
        speed: In knots, or "drift".
        flags: Flags to show.
        settings: Settings of the sails.
        night: Whether to sail at night.
    """

    COMMAND: ClassVar = "sail"
    POSITIONAL: ClassVar = ("islands",)
    OPTIONS: ClassVar = {"flags": "flag"}

    islands: tuple[str, ...]
    _: KW_ONLY
    crew: int = 2
    log: Path | str | None = None
    speed: float | str | None = None
    flags: tuple[str, ...] = ("white",)
    settings: Mapping[str, Any] = field(default_factory=dict)
    night: bool = False


@pytest.fixture
def sail():
    """Runs the command; returns what it was asked for, or its output."""

    def run(*words, code=0):
        asked = []
        app = typer.Typer(rich_markup_mode=None)

        @app.command()
        @from_request
        def command(
            request: SailRequest,
            loud: Annotated[bool, typer.Option("--loud", help="Sing.")] = False,
        ) -> None:
            asked.append((request, loud))

        result = CliRunner().invoke(app, [*map(str, words)])
        assert result.exit_code == code, result.output
        return asked[0] if asked else result.output

    return run


def test_defaults_are_those_of_the_request(sail):
    assert sail("Rhodes") == (SailRequest(("Rhodes",)), False)


def test_every_kind_of_field_is_an_option(sail):
    request, loud = sail(
        "Rhodes", "Kos", "--crew", 3, "--log", "log.txt", "--speed", "1e1", "--flag", "red",
        "--flag", "blue", "--set", "jib.area=3", "--set", "reefs=[1, 2]", "--night", "--loud",
    )  # fmt: skip
    assert loud
    assert request == SailRequest(
        ("Rhodes", "Kos"), crew=3, log=Path("log.txt"), speed=10.0, flags=("red", "blue"),
        settings={"jib": {"area": 3}, "reefs": [1, 2]}, night=True,
    )  # fmt: skip
    assert sail("Rhodes", "--speed", "drift")[0].speed == "drift"


def test_help_is_what_the_request_says(sail):
    shown = sail("--help")
    for text in (
        "Sail to an island.",
        "Where to go, such as Rhodes.",
        "--flag",
        "KEY=VALUE",
        "Sing",
    ):
        assert text in shown
    assert "Attributes" not in shown
    assert "--no-night" not in shown


def test_what_is_needed_must_be_given(sail):
    assert "Missing argument" in sail(code=2)
