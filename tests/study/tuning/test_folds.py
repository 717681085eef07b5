import numpy as np
import pytest

from twinlens.data.groups import LINKS
from twinlens.data.splits import open_split, split_names
from twinlens.errors import UserError
from twinlens.seeds import derive
from twinlens.splitting.label_fraction import label_fraction
from twinlens.splitting.split import split as make_split
from twinlens.study.tuning.folds import make_folds

HOW = {"classes": None, "fraction": 1.0, "folds": 4, "seed": 0}


@pytest.fixture
def drawn(lesions):
    return make_split(lesions.path, per_class=150, name="drawn")[0]


def _groups(data, rows):
    return set(data.table["group"].iloc[rows])


@pytest.mark.parametrize("fraction", [1.0, 0.25])
def test_every_label_is_held_out_once_and_nothing_else_is_read(lesions, drawn, fraction):
    folds, notes = make_folds(lesions, drawn, **HOW | {"fraction": fraction})
    labelled = label_fraction(lesions, drawn, fraction, derive(0, "label_fraction"))
    splits = [open_split(lesions, fold.split) for fold in folds]
    held_out = np.concatenate([split.rows["val"] for split in splits])
    rare = labelled[lesions.labels[labelled] == lesions.classes.index("df")]
    assert len(notes) == (fraction == 0.25)  # of which one lesion is left
    assert sorted([*held_out, *(rare if notes else [])]) == sorted(labelled)
    unused = np.concatenate([drawn.rows["val"], drawn.rows["test"]])
    for fold, split in zip(folds, splits, strict=True):
        train, val, rest = (split.rows[part] for part in ("train", "val", "unlabelled"))
        assert sorted([*train, *val]) == sorted(labelled)
        assert len(split.rows["test"]) == 0
        assert not np.isin([*train, *val, *rest], unused).any()
        assert not _groups(lesions, val) & _groups(lesions, [*train, *rest])
        assert set(lesions.labels[train]) == {0, 1, 2, 3}
        assert (fold.train, fold.val, fold.hash) == (len(train), len(val), split.hash)
        assert split.labelled == len(drawn.rows["train"])
    for label in (0, 2, 3):
        counts = [(lesions.labels[split.rows["val"]] == label).sum() for split in splits]
        assert max(counts) - min(counts) <= 5


def test_the_same_folds_are_made_once_and_are_no_choice_for_a_study(lesions, drawn):
    folds, _ = make_folds(lesions, drawn, **HOW)
    assert make_folds(lesions, drawn, **HOW) == (folds, [])
    others, _ = make_folds(lesions, drawn, **HOW | {"seed": 1})
    assert {fold.hash for fold in folds}.isdisjoint(fold.hash for fold in others)
    assert split_names(lesions) == ["drawn"]
    assert open_split(lesions).name == "drawn"


def test_near_duplicates_that_an_audit_found_stay_together(lesions, drawn):
    import pandas as pd

    rows = drawn.rows["train"]
    (lesions.path / LINKS).parent.mkdir()
    pairs = lesions.table["id"].iloc[rows].to_numpy()
    pd.DataFrame({"a": pairs[:40], "b": pairs[-40:]}).to_parquet(lesions.path / LINKS)
    for fold in make_folds(lesions, drawn, **HOW)[0]:
        val = np.isin(rows, open_split(lesions, fold.split).rows["val"])
        assert (val[:40] == val[-40:]).all()


def test_a_class_of_one_group_is_always_trained_on(tmp_path, dataset_of):
    data = dataset_of(tmp_path / "data", ["a"] * 30 + ["b"] * 30 + ["c"], None)
    split = make_split(data.path, val=0.0, test=0.0)[0]
    folds, notes = make_folds(data, split, **HOW)
    assert notes == ["Too few groups to be held out, so always in the training part: c."]
    for fold in folds:
        assert 60 in open_split(data, fold.split).rows["train"]


@pytest.mark.parametrize("folds", [1, 5000])
def test_too_few_groups_are_refused(lesions, drawn, folds):
    with pytest.raises(UserError, match=f"--folds {folds} must be 2 or more, and no more than"):
        make_folds(lesions, drawn, **HOW | {"folds": folds})
