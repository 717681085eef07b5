import math

import pytest

from twinlens.reporting import formatting as wording


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0.04, "0.0 s"), (9.96, "10.0 s"), (45, "45 s"), (59.7, "1 min 0 s"), (200, "3 min 20 s"),
     (7500, "2 h 5 min"), (None, "–"), (math.nan, "–")],
)  # fmt: skip
def test_duration(seconds: float | None, words: str) -> None:
    assert wording.duration(seconds) == words


@pytest.mark.parametrize(
    ("value", "words"), [(-0.0314, "−0.031"), (0.0004, "+0.000"), (None, "–"), (math.inf, "–")]
)
def test_signed_decimal(value: float | None, words: str) -> None:
    assert wording.decimal(value, signed=True) == words


@pytest.mark.parametrize(
    ("p", "words"), [(0.0004, "p < 0.001"), (0.0314, "p = 0.031"), (None, ""), (math.nan, "")]
)
def test_p_value(p: float | None, words: str) -> None:
    assert wording.p_value(p) == words


@pytest.mark.parametrize(
    ("name", "words"),
    [("barlow_twins", "Barlow Twins"), ("vicreg", "VICReg"), ("my_own", "my own")],
)
def test_method_title(name: str, words: str) -> None:
    assert wording.method_title(name) == words


@pytest.mark.parametrize(
    ("value", "words"), [(1e-7, "10⁻⁷"), (2e-5, "2 × 10⁻⁵"), (0.5, "0.5"), (1e5, "10⁵")]
)
def test_tick(value: float, words: str) -> None:
    assert wording.tick(value) == words


@pytest.mark.parametrize(
    ("words", "sentence"),
    [([], ""), (["a"], "a"), (["a", "b"], "a and b"), (list("abc"), "a, b and c")],
)
def test_listing(words: list[str], sentence: str) -> None:
    assert wording.listing(words) == sentence
