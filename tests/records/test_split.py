import pytest

from twinlens.records.split import (
    ExtendedSplit,
    FoldSplit,
    HeldOutSplit,
    ImportedSplit,
    Links,
    PresetSplit,
    Repair,
    SharesSplit,
    SplitRecord,
)

SHARES = SharesSplit(per_class=5, val=0.1, test=0.2, seed=3, links=Links(count=2, digest="d"))


@pytest.mark.parametrize(
    "method",
    [
        SHARES,
        PresetSplit(preset="paper", seed=0),
        FoldSplit(per_class=None, val=0.1, folds=5, fold=2, seed=0),
        HeldOutSplit(per_class=None, val=0.1, column="site", value="a", seed=0),
        ImportedSplit(),
        Repair(
            split="b", repaired="a", hash="h", groups=1, moved={"test to train": 2}, dropped=0,
            lost={},
        ),
        ExtendedSplit(extends="base", original=SHARES, dataset_hash="h", seed=1),
    ],
    ids=lambda method: method.kind,
)  # fmt: skip
def test_a_split_is_read_with_the_method_by_which_it_was_made(method, tmp_path):
    record = SplitRecord(
        name="mine", hash="h", method=method, counts={"train": {"mel": 1}}, dropped=0, notes=[]
    )
    record.write(tmp_path / "mine.json")
    read = SplitRecord.read(tmp_path / "mine.json")
    assert read == record
    assert type(read.method) is type(method)
