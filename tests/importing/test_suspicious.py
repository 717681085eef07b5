import pandas as pd
import pytest

from twinlens.importing.suspicious import (
    joined_labels,
    same_names,
    suspicions,
    suspicious_classes,
    suspicious_columns,
    suspicious_groups,
)


@pytest.mark.parametrize(
    ("names", "same"),
    [
        (["Nevus", "nevus ", "melanoma"], [["Nevus", "nevus "]]),
        (["grade 1", "grade-1", "grade_2"], [["grade 1", "grade-1"]]),
        (["0", "0.0", "1"], [["0", "0.0"]]),
        (["me\u0301lanome", "m\u00e9lanome"], [["me\u0301lanome", "m\u00e9lanome"]]),
        (["1000001", "1000002", "a", "b", "-", "+"], []),
    ],
)
def test_names_that_are_the_same(names, same):
    assert same_names(names) == same


@pytest.mark.parametrize(
    ("names", "joined"),
    [
        (["A|B", "A", "none"], ["A|B"]),
        (["A; B", "B; C"], ["A; B", "B; C"]),
        (["['A', 'B']", "['A']"], ["['A', 'B']"]),
        (["benign|nevus", "malignant|melanoma"], []),
        (["melanoma, in situ", "melanoma"], []),
    ],
)
def test_labels_that_name_several_classes(names, joined):
    assert joined_labels(names) == joined


@pytest.mark.parametrize(
    ("labels", "kinds"),
    [
        (["a", "b", "a"], []),
        ([], []),
        (["a", "a"], ["class"]),
        ([str(number) for number in range(20)], ["target"]),
        (["0.5", "1", "0.5"], ["target"]),
        (["1", "2"] * 5, ["class"]),
        ([f"case{number}" for number in range(9)], ["class"]),
        (["nevus"] * 9 + ["rare"], []),
    ],
)
def test_classes(labels, kinds):
    notes = list(suspicious_classes(pd.Series(labels, dtype=object)))
    assert [note.kind for note in notes] == kinds
    assert not any(note.unused for note in notes)


def test_numbers_with_titles_are_classes():
    assert not list(suspicious_classes(pd.Series(["0", "1"] * 3), titles={"0", "1"}))


@pytest.mark.parametrize(
    ("columns", "kinds"),
    [
        ({"A": [1.0, 0], "B": [0, 1.0]}, ["column"]),
        ({"A": [1, 0], "B": [1, 1], "C": [0, 1]}, ["target"]),
        ({"A": [1, 0], "sex": ["f", "m"]}, []),
        ({"A": [0, 0], "B": [0, 0]}, []),
        ({"age": [40, 50]}, []),
    ],
)
def test_columns_of_classes(columns, kinds):
    assert [note.kind for note in suspicious_columns(pd.DataFrame(columns))] == kinds


@pytest.mark.parametrize(
    ("groups", "images", "counts"),
    [
        (["unknown"] * 5 + ["p"] * 2, 20, [5]),
        (["-", "-", "none", "None", "None"], 20, [2, 2]),
        (["p"] * 6 + ["q"], 10, [6]),
        (["p"] * 2 + ["q"], 10, []),
        (["unknown", "p"], 10, []),
        ([], 10, []),
    ],
)
def test_groups(groups, images, counts):
    notes = suspicious_groups(pd.Series(groups, dtype=object), images)
    assert [note.count for note in notes] == counts


def test_a_table_of_lonely_images_and_two_classes_is_fine():
    ids = [f"image{number}" for number in range(6)]
    table = pd.DataFrame({"id": ids, "label": ["a", "b"] * 3, "group": ids, "x": [0, 1] * 3})
    assert suspicions(table) == []
