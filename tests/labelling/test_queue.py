import pytest

from twinlens.errors import UserError
from twinlens.labelling.queue import KEYS, class_keys, read_queue


def test_the_queue_is_in_the_order_of_the_file(data, suggestions, tmp_path):
    queue = read_queue(suggestions, data)
    assert [item.row for item in queue] == [7, 2, 5, 3]
    assert queue[0].file == tmp_path / "photos/7.png"
    assert queue[3].file is None
    assert queue[0].predicted == "nevus 0.7500"


def test_a_list_of_ids_is_enough(data, tmp_path):
    (tmp_path / "s.csv").write_text("id\nphotos/4.png\n")
    (item,) = read_queue(tmp_path / "s.csv", data)
    assert (item.row, item.file, item.predicted) == (4, None, "")


@pytest.mark.parametrize(
    ("content", "message"), [("id\n", "names no image"), ("id\nother\n", "lacks, such as 'other'")]
)
def test_files_that_are_refused(data, tmp_path, content, message):
    (tmp_path / "s.csv").write_text(content)
    with pytest.raises(UserError, match=message):
        read_queue(tmp_path / "s.csv", data)


def test_each_class_has_a_key_of_its_own(data):
    keys = class_keys(data, ["bcc", "nevus"])
    assert [(item.name, item.key) for item in keys] == [
        ("melanoma", "1"),
        ("nevus", "2"),
        ("bcc", "3"),
    ]
    assert len(set(KEYS)) == len(KEYS)
    assert not set(KEYS) & set("0z+-=")


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (["cannot tell"], "another one than"),
        ([" "], "must have a name"),
        (map(str, range(40)), "more than the 34 keys"),
    ],
)
def test_classes_that_are_refused(data, more, message):
    with pytest.raises(UserError, match=message):
        class_keys(data, [*more])


def test_a_data_set_without_labels_needs_classes(tmp_path, dataset_of):
    data = dataset_of(tmp_path / "empty", [None, None])
    with pytest.raises(UserError, match="--class NAME"):
        class_keys(data, [])
