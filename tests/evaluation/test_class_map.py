import pytest

from twinlens.errors import UserError
from twinlens.evaluation.class_map import read_class_map, with_class_map

CLASSES = ["NV", "MEL"]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("map.yaml", "naevus: NV\nmole: NV\nmelanoma: MEL\nwart:\n"),
        ("map.csv", "theirs,ours\nnaevus,NV\nmole,NV\nmelanoma,MEL\nwart,\n"),
    ],
)
def test_classes_are_renamed_merged_and_left_out(dataset_of, tmp_path, name, text):
    (tmp_path / name).write_text(text)
    class_map = read_class_map(tmp_path / name, CLASSES)
    assert class_map == {"naevus": "NV", "mole": "NV", "melanoma": "MEL", "wart": None}
    labels = ["naevus", "mole", "melanoma", "wart", None, "BCC"]
    original = dataset_of(tmp_path / "data", labels)
    mapped = with_class_map(original, class_map)
    assert mapped.table["label"].fillna("").tolist() == ["NV", "NV", "MEL", "", "", "BCC"]
    assert set(mapped.classes) == {"NV", "MEL", "BCC"}
    assert original.table["label"][0] == "naevus"
    assert mapped.hash == original.hash


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("m.yaml", "naevus: nevus", "maps 'naevus' to 'nevus', which is no class of the model"),
        ("m.csv", "a,b,c\n1,2,3", "has 3 columns: write two"),
        ("m.csv", "a,b\nx,NV\nx,MEL", "names the class 'x' twice"),
        ("m.csv", "", "cannot be read"),
    ],
)
def test_a_map_that_cannot_be_right_is_refused(tmp_path, name, text, words):
    (tmp_path / name).write_text(text)
    with pytest.raises(UserError, match=words):
        read_class_map(tmp_path / name, CLASSES)
