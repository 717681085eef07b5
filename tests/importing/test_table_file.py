import sys
from datetime import datetime
from types import SimpleNamespace

import pytest

from twinlens.errors import UserError
from twinlens.importing.table_file import read_cells, typed


def write(folder, content, name="labels.csv"):
    path = folder / name
    path.write_bytes(content)
    return path


def cells(folder, content, name="labels.csv"):
    table = read_cells(write(folder, content, name))
    return [list(table.columns), *table.to_numpy().tolist()]


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "no rows"),
        (b"image,label\n", "no rows"),
        (b"image,label\na,NV,extra\n", "line 2: 3 cells, but 2 columns"),
        (b"image,label\na\n", "line 2: 1 cells, but 2 columns"),
    ],
)
def test_a_file_that_is_no_table_is_refused(tmp_path, content, sentence):
    with pytest.raises(UserError, match=sentence):
        read_cells(write(tmp_path, content))


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b",image\n0,a\n1,b\n", [["image"], ["a"], ["b"]]),
        (b"image,,\na,1,\nb,2,\n", [["image"], ["a"], ["b"]]),
        (b"image,\na,5\nb,7\n", [["image", "column 2"], ["a", "5"], ["b", "7"]]),
        (b"image,age,age\na,1,1\n", [["image", "age"], ["a", "1"]]),
        (b"age,age,age\n1,2,3\n", [["age", "age (2)", "age (3)"], ["1", "2", "3"]]),
    ],
)
def test_columns_without_a_name_of_their_own(tmp_path, content, expected):
    assert cells(tmp_path, content) == expected


@pytest.mark.parametrize(
    ("values", "numeric"),
    [
        (["0", "5", "10"], True),
        (["0.5", None, "1"], True),
        (["01", "10"], False),
        (["18446744073709551616", "1"], False),
        (["999999999999999999990.5", "1"], False),
        (["1234567890123456", "1"], False),
        (["a", "1"], False),
    ],
)
def test_codes_and_long_ids_stay_text(tmp_path, values, numeric):
    table = "image,value\n" + "".join(f"{row},{value or ''}\n" for row, value in enumerate(values))
    column = typed(read_cells(write(tmp_path, table.encode()))["value"])
    assert (column.dtype.kind in "if") == numeric
    assert numeric or column.tolist() == values


def test_json_lines(tmp_path, capsys):
    content = b'{"file_name": "a", "n": 1.0, "box": [1]}\n\n{"file_name": "b", "label": "NV"}\n'
    assert cells(tmp_path, content, "metadata.jsonl") == [
        ["file_name", "n", "label"], ["a", "1", None], ["b", None, "NV"],
    ]  # fmt: skip
    assert "metadata.jsonl: what holds lists or objects is left out: box" in capsys.readouterr().err
    for wrong, sentence in ((b"{", "line 1: not JSON"), (b"[1]", "line 1: not a JSON object")):
        with pytest.raises(UserError, match=sentence):
            read_cells(write(tmp_path, wrong, "metadata.jsonl"))


ROWS = [
    ("image", "site", "seen", None),
    ("a", 1.0, datetime(2024, 5, 1), 0),
    (None, None, None, None),
    (" b ", "arm", None, 1),
]


@pytest.mark.parametrize("library", ["openpyxl", "a stand-in"])
def test_excel(tmp_path, monkeypatch, capsys, library):
    path = write(tmp_path, b"", "labels.xlsx")
    if library == "openpyxl":
        workbook = pytest.importorskip("openpyxl").Workbook()
        for row in ROWS:
            workbook.active.append(row)
        workbook.create_sheet("notes").append(["a note"])
        workbook.create_sheet("more").append(["a"])
        workbook["more"].append(["b"])
        workbook.save(path)
    else:
        sheet = SimpleNamespace(title="Sheet", iter_rows=lambda **_: iter(ROWS))
        more = SimpleNamespace(title="more", max_row=2)
        book = SimpleNamespace(worksheets=[sheet, more])
        module = SimpleNamespace(load_workbook=lambda *_, **__: book)
        monkeypatch.setitem(sys.modules, "openpyxl", module)
    table = read_cells(path)
    assert table.index.tolist() == [2, 4]
    assert [list(table.columns), *table.to_numpy().tolist()] == [
        ["image", "site", "seen"], ["a", "1", "2024-05-01T00:00:00"], ["b", "arm", None],
    ]  # fmt: skip
    assert "labels.xlsx: the sheet 'Sheet' is read, but not more." in capsys.readouterr().err


def test_excel_without_its_package_names_the_extra(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "openpyxl", None)
    with pytest.raises(UserError, match=r"is an Excel file.*pip install 'twinlens\[excel\]'"):
        read_cells(write(tmp_path, b"", "labels.xlsx"))


def test_a_damaged_workbook_is_one_sentence(tmp_path):
    pytest.importorskip("openpyxl")
    with pytest.raises(UserError, match=r"labels.xlsx is no Excel file"):
        read_cells(write(tmp_path, b"PK", "labels.xlsx"))
