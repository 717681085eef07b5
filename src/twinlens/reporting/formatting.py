"""Numbers and names as a reader wants to see them."""

import math
import re
from collections.abc import Sequence

from markupsafe import Markup

from twinlens.evaluation.metrics import METRICS
from twinlens.pretraining.methods import METHODS
from twinlens.records.results import ArmSummary

MISSING = "–"
_MINUS = "−"
_SUPERSCRIPTS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def metric_title(name: str) -> str:
    """Return a metric's name in words."""
    return METRICS[name].title


def metric_words(name: str) -> str:
    """Return a metric's name as it stands within a sentence."""
    return METRICS[name].words


def method_title(name: str) -> str:
    """Return a self-supervised method's name as its authors write it."""
    return METHODS[name].title if name in METHODS else plain(name)


def plain(name: str) -> str:
    """Return an identifier such as ``one_cycle`` in words."""
    return name.replace("_", " ")


def decimal(value: float | None, *, signed: bool = False, digits: int = 3) -> str:
    """Write a number with a fixed number of decimals and a true minus sign.

    >>> decimal(-0.0314, signed=True)
    '−0.031'
    """
    if value is None or not math.isfinite(value):
        return MISSING
    return f"{value:{'+' if signed else ''}.{digits}f}".replace("-", _MINUS)


def interval(bounds: Sequence[float] | None, *, signed: bool = False, digits: int = 3) -> str:
    """Write the two ends of an interval, or nothing where there is none."""
    if not bounds:
        return ""
    return "[" + ", ".join(decimal(end, signed=signed, digits=digits) for end in bounds) + "]"


def spread(summary: ArmSummary) -> str:
    """Write the standard deviation over seeds, kept on one line with its sign."""
    return f"±\u00a0{decimal(summary.sd)}"


def p_value(p: float | None) -> str:
    """Write a p value: three decimals, as journals ask."""
    if p is None or not math.isfinite(p):
        return ""
    return "p < 0.001" if p < 0.001 else f"p = {p:.3f}"


def share(fraction: float) -> str:
    """Write a fraction in per cent, and a small one as more than nothing.

    >>> share(0.0003), share(0.212)
    ('0.03 %', '21.2 %')
    """
    return f"{100 * fraction:.1f} %" if fraction >= 0.001 else f"{100 * fraction:.1g} %"


def probability(p: float) -> str:
    """Write a probability or a small fraction in per cent, and what is next to nothing as a limit.

    >>> probability(0.0000003), probability(0), probability(0.212)
    ('< 0.1 %', '0.0 %', '21.2 %')
    """
    return "< 0.1 %" if 0 < p < 0.001 else f"{100 * p:.1f} %"


def percent(fraction: float) -> str:
    """Write a fraction in whole per cent."""
    return f"{100 * fraction:.0f} %"


def count(number: float) -> str:
    """Write a whole number with thousands set apart."""
    return f"{int(number):,}"


def plural(number: int, noun: str, several: str = "") -> str:
    """Write a number of things.

    >>> plural(1, "seed"), plural(3, "class", "classes")
    ('1 seed', '3 classes')
    """
    return f"{count(number)} {noun if number == 1 else several or noun + 's'}"


def duration(seconds: float | None) -> str:
    """Write a duration in its two largest units.

    >>> duration(200)
    '3 min 20 s'
    """
    if seconds is None or not math.isfinite(seconds):
        return MISSING
    if seconds < 59.5:
        return f"{seconds:.1f} s" if seconds < 10 else f"{seconds:.0f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest} s"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min"


def scientific(value: float | None) -> str:
    """Write a small number such as a learning rate.

    >>> scientific(0.0012)
    '1.2 × 10⁻³'
    """
    if value is None or not math.isfinite(value):
        return MISSING
    digits, exponent = f"{value:.1e}".split("e")
    return f"{digits.replace('-', _MINUS)} × 10{str(int(exponent)).translate(_SUPERSCRIPTS)}"


def tick(value: float) -> str:
    """Write a tick of a logarithmic axis: in full near 1, else as a power of ten.

    >>> tick(200), tick(1e-7)
    ('200', '10⁻⁷')
    """
    if 0.01 <= value < 10_000:
        return f"{value:g}"
    digits, exponent = f"{value:.0e}".split("e")
    factor = "" if digits == "1" else f"{digits} × "
    return f"{factor}10{str(int(exponent)).translate(_SUPERSCRIPTS)}"


def label_fraction_title(fraction: float) -> str:
    """Write a label fraction: the fraction of the labelled training images that is used."""
    return f"{100 * fraction:g} %"


def slug(name: str) -> str:
    """Write a name as one of a file.

    >>> slug("F1 of random + Barlow Twins")
    'f1_of_random_barlow_twins'
    """
    return re.sub(r"[^a-z0-9]+", "_", name.lower())[:80].strip("_")


def breakable(name: str) -> Markup:
    """Let a long id or file name break where its parts end."""
    return Markup("<wbr>").join(re.split(r"(?<=[/_-])", name))


def sentence(parts: Sequence[str]) -> str:
    """Join parts of a sentence by semicolons; nothing where there are none.

    >>> sentence(["one seed", "no audit"])
    'One seed; no audit.'
    """
    text = "; ".join(parts)
    return f"{text[:1].upper()}{text[1:]}." if text else ""


def listing(words: Sequence[str]) -> str:
    """Join words as a sentence does: a, b and c."""
    return " and ".join(filter(None, [", ".join(words[:-1]), *words[-1:]]))
