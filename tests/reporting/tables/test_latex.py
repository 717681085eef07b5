import re

import pytest

from twinlens.reporting.tables.latex import escape, tabular
from twinlens.reporting.tables.tables import Cell, Table, number


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("R&D 50 % of $5 #1 a_b {x}", r"R\&D 50 \% of \$5 \#1 a\_b \{x\}"),
        (r"\input ~ ^", r"\textbackslash{}input \textasciitilde{} \textasciicircum{}"),
        (
            "−0.1 ±\u00a00.2 × 10⁻⁴ – 45°",
            r"$-$0.1 $\pm$~0.2 $\times$ 10$^{-}$$^{4}$ -- 45$^{\circ}$",
        ),
        ("Morbus Müller", "Morbus Müller"),
    ],
)
def test_texts_are_printed_as_they_are(text: str, written: str) -> None:
    assert escape(text) == written


def test_a_table_needs_no_package_and_has_a_column_a_cell() -> None:
    head = [Cell("Arm"), number("Accuracy", "primary")]
    rows = [[Cell("a & b"), number("0.5", "[0.4, 0.6]\np = 0.1")], [Cell("c"), number("–")]]
    lines = tabular(Table(head, rows)).splitlines()
    assert lines[0] == r"\begin{tabular}{lr}"
    assert lines[-1] == r"\end{tabular}"
    assert [line for line in lines if line == r"\hline"] == [r"\hline"] * 3
    inner = re.compile(r"\\begin\{tabular\}\[t\].*?\\end\{tabular\}")
    for line in lines[2:-2]:
        if line != r"\hline":
            assert inner.sub("", line).replace(r"\&", "").count("&") == 1
            assert line.endswith(r" \\")
    assert r"{\footnotesize [0.4, 0.6]} \\ {\footnotesize p = 0.1}" in lines[4]


def test_a_row_that_begins_with_a_bracket_is_no_option_of_the_line_above() -> None:
    lines = tabular(Table([], [[Cell("a")], [Cell("[0.1, 0.2]")], [Cell("*")]])).splitlines()
    assert lines[3].startswith("{}[")
    assert lines[4].startswith("{}*")


def test_long_texts_are_set_in_lines() -> None:
    table = Table([Cell("Topic"), Cell("Answer")], [[Cell("a"), Cell("long " * 20)]])
    assert r"\begin{tabular}{lp{0.3\linewidth}}" in tabular(table)
