import pytest

from twinlens.errors import UserError
from twinlens.importing.csv_text import read_rows


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
    assert [row for _, row in read_rows(write(tmp_path, text.encode(encoding)))] == rows


def test_a_first_line_may_name_the_separator(tmp_path):
    path = write(tmp_path, b"sep=;\r\nimage;size, mm\r\na;1,5\r\n")
    assert read_rows(path) == [(2, ["image", "size, mm"]), (3, ["a", "1,5"])]


def test_reading_as_windows_1252_is_reported(tmp_path, capsys):
    read_rows(write(tmp_path, "image,label\na,Nävus\n".encode("latin-1")))
    assert "labels.csv is not UTF-8: read as Windows-1252" in capsys.readouterr().err


def test_an_apostrophe_before_a_formula_is_dropped_and_no_other(tmp_path):
    rows = read_rows(write(tmp_path, b"image,label\n'=1.png,'+\n''@a,'quoted'\n"))
    assert [row for _, row in rows[1:]] == [["=1.png", "+"], ["'@a", "'quoted'"]]


def test_rows_keep_the_numbers_of_their_lines(tmp_path):
    rows = read_rows(write(tmp_path, b'image,label\na,"NV,\nlarge"\n\nb, \n'))
    assert rows[1:] == [(3, ["a", "NV,\nlarge"]), (5, ["b", None])]


@pytest.mark.parametrize(
    "content",
    [
        b"\x89PNG\r\n\x1a\n\x00\x00\x00",
        "image,label\na,NV\n".encode("utf-16-le"),
        b"\xff\xfei\x00m",
    ],
)
def test_a_file_that_is_no_text_is_refused(tmp_path, content):
    with pytest.raises(UserError, match="not a table in a known encoding"):
        read_rows(write(tmp_path, content))
