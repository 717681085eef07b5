"""Tables as plain LaTeX, for a paper to take in."""

from twinlens.reporting.tables.tables import Cell, Table

_LONG = 40  # letters of a text from which on its column is set in lines

_SPECIAL = {
    "\\": r"\textbackslash{}",
    "&": r"\&",
    "%": r"\%",
    "$": r"\$",
    "#": r"\#",
    "_": r"\_",
    "{": r"\{",
    "}": r"\}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    '"': r"\textquotedbl{}",
    "\u00a0": "~",
    "–": "--",
    "…": r"\ldots{}",
    "‘": "`",
    "’": "'",
    "−": "$-$",
    "±": r"$\pm$",
    "×": r"$\times$",
    "°": r"$^{\circ}$",
    "λ": r"$\lambda$",
    "σ": r"$\sigma$",
    "✓": r"$\surd$",
    "→": r"$\rightarrow$",
    **{sign: f"$^{{{digit}}}$" for sign, digit in zip("⁻⁰¹²³⁴⁵⁶⁷⁸⁹", "-0123456789", strict=True)},
}
_TABLE = str.maketrans(_SPECIAL)


def escape(text: str) -> str:
    r"""Write a text so that LaTeX prints it as it is.

    >>> print(escape("AK_1 & 50 % − 3"))
    AK\_1 \& 50 \% $-$ 3
    """
    return text.translate(_TABLE)


def tabular(table: Table) -> str:
    """Return a table as a ``tabular`` that needs no package."""
    columns = "".join(map(_alignment, _columns(table)))
    lines = [rf"\begin{{tabular}}{{{columns}}}", r"\hline"]
    if table.head:
        lines += [_row(table.head), r"\hline"]
    lines += [*map(_row, table.rows), r"\hline", r"\end{tabular}"]
    return "\n".join(lines) + "\n"


def _columns(table: Table) -> list[list[Cell]]:
    rows = [table.head, *table.rows] if table.head else table.rows
    return [list(column) for column in zip(*rows, strict=True)]


def _alignment(column: list[Cell]) -> str:
    if any(cell.numeric for cell in column):
        return "r"
    longest = max((len(cell.text) for cell in column), default=0)
    return "l" if longest <= _LONG else r"p{0.3\linewidth}"


def _row(cells: list[Cell]) -> str:
    line = " & ".join(map(_cell, cells)) + r" \\"
    return "{}" + line if line[0] in "[*" else line  # else an option of the line's end above


def _cell(cell: Cell) -> str:
    lines = [escape(cell.text)]
    lines += [rf"{{\footnotesize {escape(line)}}}" for line in cell.detail.splitlines()]
    if len(lines) == 1:
        return lines[0]
    side = "r" if cell.numeric else "l"
    return rf"\begin{{tabular}}[t]{{@{{}}{side}@{{}}}}" + r" \\ ".join(lines) + r"\end{tabular}"
