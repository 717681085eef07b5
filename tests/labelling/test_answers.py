import sqlite3

import pytest

from twinlens.errors import UserError
from twinlens.labelling.answers import VERSION, Answers


@pytest.fixture
def path(tmp_path):
    return tmp_path / "labels.sqlite"


def labels(answers):
    return {image: answer.label for image, answer in answers.given().items()}


def test_answers_are_kept_in_order_and_undone_from_the_last(path, data):
    answers = Answers(path, data)
    for image, label in (("a", "nevus"), ("b", None), ("c", "nevus"), ("a", "melanoma")):
        answers.give({image: label})
    answers.close()
    answers = Answers(path, data)
    assert labels(answers) == {"b": None, "c": "nevus", "a": "melanoma"}
    assert [*labels(answers)] == ["b", "c", "a"]
    assert answers.undo({"b", "c"}) == "c"  # of these images
    assert [answers.undo({"a", "b", "c"}) for _ in range(3)] == ["a", "b", None]
    assert answers.given() == {}
    answers.close()


def test_each_answer_is_on_disk_before_the_next(path, data):
    answers = Answers(path, data)
    answers.give({"a": "nevus"})
    with sqlite3.connect(path) as other:  # another process would see the same
        assert other.execute("SELECT image FROM answer").fetchall() == [("a",)]
        assert other.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    other.close()
    answers.close()


def test_answers_are_stored_together_or_not_at_all(path, data):
    answers = Answers(path, data)
    with pytest.raises(sqlite3.Error):
        answers.give({"a": "nevus", "b": object()})
    assert answers.given() == {}
    answers.give({"a": "nevus"})  # and the file goes on to work
    assert labels(answers) == {"a": "nevus"}
    answers.close()


def test_a_data_set_that_has_grown_is_the_same_one(path, data, tmp_path, dataset_of):
    Answers(path, data).close()
    grown = dataset_of(tmp_path / "grown", ["x"], previous_hashes=[data.hash])
    Answers(path, grown).close()
    with pytest.raises(UserError, match="another data set"):
        Answers(path, dataset_of(tmp_path / "other", ["x"]))


@pytest.mark.parametrize(
    ("statement", "message"),
    [
        (f"PRAGMA user_version = {VERSION + 1}", "update Twinlens"),
        ("PRAGMA application_id = 7", "SQLite file of something else"),
    ],
)
def test_files_of_other_kinds_are_refused(path, data, statement, message):
    Answers(path, data).close()
    with sqlite3.connect(path) as other:
        other.execute(statement)
    other.close()
    with pytest.raises(UserError, match=message):
        Answers(path, data)


@pytest.mark.parametrize(
    ("statement", "message"),
    [
        ("PRAGMA max_page_count = 1", "its disk is full. Make room there"),
        ("PRAGMA query_only = ON", "may not be written: change its permissions"),
    ],
)
def test_an_answer_that_cannot_be_written_is_refused_and_the_others_stay(
    path, data, statement, message
):
    answers = Answers(path, data)
    answers.give({"a": "nevus"})
    answers._file.execute(statement)
    with pytest.raises(UserError, match=message):
        answers.give({f"{number}": "nevus" * 1000 for number in range(9)})
    assert labels(answers) == {"a": "nevus"}
    answers.close()
    answers = Answers(path, data)
    assert labels(answers) == {"a": "nevus"}
    answers.close()


def test_a_file_that_another_process_writes_is_waited_for_and_then_refused(path, data):
    answers = Answers(path, data)
    answers._file.execute("PRAGMA busy_timeout = 1")
    with sqlite3.connect(path) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(UserError, match="is being written by another process"):
            answers.give({"a": "nevus"})
    other.close()
    answers.give({"a": "nevus"})
    answers.close()


@pytest.mark.parametrize("replaced", [False, True])
def test_no_answer_goes_into_a_file_that_was_deleted(path, data, replaced):
    answers = Answers(path, data)
    answers.give({"a": "nevus"})
    path.unlink()
    if replaced:
        path.touch()
    with pytest.raises(UserError, match="was moved or deleted meanwhile"):
        answers.give({"b": "nevus"})
    with pytest.raises(UserError, match="was moved or deleted meanwhile"):
        answers.undo({"a"})
    answers.close()


def test_a_folder_is_no_file_of_labels(path, data):
    path.mkdir()
    with pytest.raises(UserError, match="cannot be opened: choose another --out"):
        Answers(path, data)


def test_a_file_that_is_no_database_is_refused_and_kept(path, data):
    path.write_text("image,label\n" * 100)
    with pytest.raises(UserError, match="no file of labels"):
        Answers(path, data)
    assert path.read_text() == "image,label\n" * 100
