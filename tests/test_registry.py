import subprocess
import sys

import pytest

from twinlens.errors import UserError
from twinlens.registry import Registry


@pytest.fixture
def shapes():
    entries = {"circle": "math:pi", "line": "math:inf"}
    return Registry("shape", entries, group="twinlens.test_shapes")


def test_entries_are_imported_when_asked_for(shapes):
    assert list(shapes) == ["circle", "line"]
    assert len(shapes) == 2
    assert "circle" in shapes
    assert "square" not in shapes
    assert shapes["circle"] == pytest.approx(3.14159, abs=1e-5)
    code = (
        "import sys; from twinlens.registry import Registry; "
        "names = list(Registry('x', {'a': 'colorsys:x'})); print('colorsys' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def test_an_unknown_name_is_refused_with_the_valid_ones(shapes):
    with pytest.raises(UserError, match=r"Unknown shape 'circel'. Did you mean 'circle'\?.*line"):
        shapes["circel"]


def test_an_installed_package_adds_an_entry(shapes, plug_in):
    plug_in(shapes, "square", "squares:SIDES", "SIDES = 4")
    assert list(shapes) == ["circle", "line", "square"]
    assert shapes["square"] == 4


def test_an_installed_package_replaces_no_built_in_entry(shapes, plug_in):
    plug_in(shapes, "circle", "circles:OTHER", "OTHER = 0")
    assert shapes["circle"] == pytest.approx(3.14159, abs=1e-5)


@pytest.mark.parametrize("code", ["raise RuntimeError('no licence')", "OTHER = 1"])
def test_a_broken_package_is_named(shapes, plug_in, code):
    plug_in(shapes, "broken", "broken_shapes:IT", code)
    with pytest.raises(UserError, match=r"shape 'broken' of the package 'broken_shapes' cannot be"):
        shapes["broken"]
    assert shapes["circle"]
