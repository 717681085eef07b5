import pandas as pd

from twinlens.importing.listing import Listing
from twinlens.importing.source import Source
from twinlens.importing.unused import unused_notes, with_unused


def test_a_source_that_is_no_files_is_as_it_was(tmp_path):
    source = Source(pd.DataFrame({"id": ["a"]}), items=range(1))
    assert with_unused(source, str(tmp_path)) is source


def test_what_was_used_or_skipped_is_not_listed_whatever_its_path_looks_like(tmp_path):
    for name in ("a.png", "gone.png", "t.csv", "notes.txt"):
        (tmp_path / name).touch()
    (tmp_path / "t").mkdir()
    source = Source(
        pd.DataFrame({"id": ["a"]}),
        items=[tmp_path / "t" / ".." / "a.png"],
        skipped=[("gone.png", "why")],
        used=[tmp_path / "t.csv"],
    )
    (note,) = with_unused(source, str(tmp_path / "t.csv")).notes
    assert (note.kind, note.text) == ("file", "Other files: 1 (.txt 1), such as notes.txt.")


def test_each_kind_has_its_note_and_long_lists_are_cut(tmp_path):
    def files(*names):
        return [tmp_path / name for name in names]

    unused = Listing(
        images=files("f/1.png", "0.png"),
        masks=files("1_mask.png"),
        others=files("x.heic", *(f"{number}.csv" for number in range(7)), "README"),
        hidden=["@eaDir"],
        closed=["locked"],
    )
    notes = list(unused_notes(tmp_path, unused, lost=["c"]))
    kinds = ["closed", "unreadable", "unreadable", "table", "image", "mask", "file", "hidden"]
    assert [note.kind for note in notes] == kinds
    assert all(note.unused for note in notes)
    texts = " ".join(note.text for note in notes)
    assert "0.csv, 1.csv, 2.csv, 3.csv, 4.csv and 2 more." in texts
    assert "Images beside what was read: f 1, loose 1." in texts
    assert "(no suffix 1), such as README." in texts
    (note,) = unused_notes(tmp_path, Listing(images=unused.images), by_table=True)
    assert note.text == "Images that the table does not name: 2, such as f/1.png."
