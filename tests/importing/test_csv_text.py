import pytest

from twinlens.errors import UserError
from twinlens.importing.csv_text import read_cells, typed


def write(folder, content):
    path = folder / "labels.csv"
    path.write_bytes(content)
    return path


@pytest.mark.parametrize("separator", [",", ";", "\t"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "latin-1", "cp1252"])
@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_encodings_and_separators(tmp_path, separator, encoding, newline):
    rows = [["image", "label", "größe"], ["a", "Nävus", "klein"], ["b", "Mélanome", "groß"]]
    text = newline.join(separator.join(row) for row in rows)
    cells = read_cells(write(tmp_path, text.encode(encoding)))
    assert [list(cells.columns), *cells.to_numpy().tolist()] == rows


def test_reading_as_windows_1252_is_reported(tmp_path, capsys):
    read_cells(write(tmp_path, "image,label\na,Nävus\n".encode("latin-1")))
    assert "labels.csv is not UTF-8: read as Windows-1252" in capsys.readouterr().err


def test_rows_keep_the_numbers_of_their_lines(tmp_path):
    cells = read_cells(write(tmp_path, b'image,label\na,"NV,\nlarge"\n\nb, \n'))
    assert cells.index.tolist() == [3, 5]
    assert cells.to_numpy().tolist() == [["a", "NV,\nlarge"], ["b", None]]


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "no rows"),
        (b"image,label\n", "no rows"),
        (b"image,label\na,NV,extra\n", "line 2: 3 cells, but 2 columns"),
        (b"image,label\na\n", "line 2: 1 cells, but 2 columns"),
        (b"image,label,label\na,NV,NV\n", "a name of its own"),
        (b"image,\na,NV\n", "a name of its own"),
        (b"\x89PNG\r\n\x1a\n\x00\x00\x00", "not a table in a known encoding"),
        ("image,label\na,NV\n".encode("utf-16-le"), "not a table in a known encoding"),
        (b"\xff\xfei\x00m", "not a table in a known encoding"),
    ],
)
def test_a_file_that_is_no_table_is_refused(tmp_path, content, sentence):
    with pytest.raises(UserError, match=sentence):
        read_cells(write(tmp_path, content))


def test_codes_with_a_leading_zero_stay_text(tmp_path):
    cells = read_cells(write(tmp_path, b"site,age,share\n01,0,0.5\n10,5,\n,10,1\n"))
    assert typed(cells["site"]).tolist()[:2] == ["01", "10"]
    assert typed(cells["age"]).tolist() == [0, 5, 10]
    assert typed(cells["share"]).sum() == 1.5
