import pandas as pd

from twinlens.auditing.split_audit import audit_split
from twinlens.data.splits import write_split
from twinlens.records.split import ImportedSplit


def test_linked_images_are_listed_with_their_part(dataset_of, tmp_path):
    dataset = dataset_of(tmp_path / "data", ["x"] * 4, ids=list("abcd"))
    split = write_split(dataset.path, "main", ["train", "test", None, "val"], ImportedSplit())
    audit = audit_split(dataset, split, pd.DataFrame({"a": ["a", "a"], "b": ["b", "c"]}))
    assert audit.linked_images == {"a": "train", "b": "test", "c": None}
    assert audit.hash == split.hash
    assert audit.leaks.links == [0]
    assert audit.composition["test"].images == 1
