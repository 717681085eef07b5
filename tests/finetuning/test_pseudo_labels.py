import numpy as np
import pandas as pd
import pytest
import torch
from safetensors.torch import load_file

from trained import train_small
from twinlens.data.dataset import open_dataset
from twinlens.data.splits import open_split, unlabelled_rows
from twinlens.engine import loop
from twinlens.errors import UserError
from twinlens.finetuning import phases
from twinlens.finetuning import pseudo_labels as module
from twinlens.finetuning.pseudo_labels import PSEUDO_LABELS, agreed

PSEUDO = {
    "semi": "pseudo_label",
    "semi_threshold": 0.1,
    "semi_members": 2,
    "semi_rounds": 2,
    "epochs": 1,
    "tuning": "full",
}


def test_an_image_is_labelled_where_all_members_agree_and_are_sure_on_average():
    votes = np.array(
        [
            [[0.9, 0.1], [0.9, 0.1], [0.6, 0.4]],
            [[0.8, 0.2], [0.4, 0.6], [0.7, 0.3]],
        ]
    )
    assert agreed(votes, 0.85).tolist() == [True, False, False]
    assert agreed(votes, 0.64).tolist() == [True, False, True]


@pytest.fixture(scope="module")
def whole(phantoms, tmp_path_factory):
    return train_small(phantoms, tmp_path_factory.mktemp("pseudo") / "run", settings=PSEUDO)


def test_the_run_keeps_the_pseudo_labels_of_unlabelled_images_alone(phantoms, whole):
    data = open_dataset(phantoms)
    split = open_split(data)
    table = pd.read_parquet(whole / PSEUDO_LABELS)
    assert len(table) > 0
    assert set(table["row"]) <= {*unlabelled_rows(split)} - {*split.rows["train"]}
    assert (data.table["id"].iloc[table["row"]].to_numpy() == table["id"]).all()
    assert table["confidence"].between(0.1, 1).all()
    assert not (whole / "pseudo_labels").exists()
    labelled = len(split.rows["train"])
    assert len(pd.read_parquet(whole / "history.parquet")) == (labelled + len(table)) // 16


@pytest.mark.slow
@pytest.mark.parametrize("step", [1, 4])
def test_killed_in_a_member_or_in_the_last_training_it_ends_the_same(
    phantoms, tmp_path, monkeypatch, whole, step
):
    monkeypatch.setattr(loop, "CHECKPOINT_EVERY_S", 0.0)
    fit, calls = phases._head_then_full, iter(range(100))

    def killer(*arguments):
        if next(calls) == step:
            raise KeyboardInterrupt
        return fit(*arguments)

    with monkeypatch.context() as killing:
        killing.setattr(phases, "_head_then_full", killer)
        with pytest.raises(KeyboardInterrupt):
            train_small(phantoms, tmp_path / "run", settings=PSEUDO)
    resumed = train_small(phantoms, tmp_path / "run", settings=PSEUDO, resume=True)
    ours, theirs = (load_file(run / "model" / "model.safetensors") for run in (whole, resumed))
    assert not [name for name in ours if not torch.equal(ours[name], theirs[name])]


def test_without_unlabelled_images_it_says_so(phantoms, tmp_path, monkeypatch):
    monkeypatch.setattr("twinlens.finetuning.train.unlabelled_rows", lambda _: np.array([], int))
    with pytest.raises(UserError, match="Pseudo-labels need unlabelled images"):
        train_small(phantoms, tmp_path / "run", settings=PSEUDO)
    assert module.PSEUDO_LABELS not in {path.name for path in tmp_path.iterdir()}


def test_an_adaptive_threshold_is_for_fixmatch_alone(phantoms, tmp_path):
    with pytest.raises(UserError, match="only FixMatch adapts 'semi_threshold'"):
        train_small(phantoms, tmp_path / "run", settings=PSEUDO | {"semi_threshold": "adaptive"})


def test_without_any_pseudo_label_this_is_said(phantoms, tmp_path, capsys):
    train_small(
        phantoms, tmp_path / "run", settings=PSEUDO | {"semi_threshold": 1.0, "semi_rounds": 1}
    )
    assert "WARNING: The networks agreed on no unlabelled image" in capsys.readouterr().err
