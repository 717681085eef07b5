import csv

import pandas as pd
import pytest

from twinlens.errors import UserError
from twinlens.importing.csv_text import read_rows
from twinlens.suggesting.suggestions_file import read_suggestions, write_table

CELLS = ["=HYPERLINK(1)", "+1", "-x", "@a", "'=b", "a=b", "'quoted'", 'c, "d"', "Ä"]


def test_no_cell_is_a_formula_and_all_come_back(tmp_path):
    path = tmp_path / "s.csv"
    write_table(path, pd.DataFrame({"id": CELLS, "=p": -0.25, "file": [None, *CELLS[1:]]}))
    with path.open(newline="") as file:
        written = [*csv.reader(file)]
    assert not [cell for row in written for cell in row if cell[:1] in "=+@" and cell]
    assert written[0][1] == "'=p"
    assert written[1] == ["'=HYPERLINK(1)", "-0.2500", ""]  # a number is no formula
    table = read_suggestions(path)
    assert table["id"].tolist() == CELLS
    assert table["file"].tolist() == ["", *CELLS[1:]]
    assert [row[0] for _, row in read_rows(path)][1:] == CELLS  # as twinlens import reads it


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "does not exist: make it with"),
        (b"image\na\n", "needs a column 'id'"),
        (b"id\na\na\n", "names each image once"),
        (b"\xff\xfe\x00", "cannot be read as CSV"),
        (b"", "cannot be read as CSV"),
    ],
)
def test_files_that_are_refused(tmp_path, content, message):
    path = tmp_path / "s.csv"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(UserError, match=message):
        read_suggestions(path)
