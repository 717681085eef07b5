import os
import signal
import subprocess
import sys
import time
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import yaml

from twinlens.data.dataset import Dataset, open_dataset
from twinlens.data.splits import open_split
from twinlens.errors import UserError
from twinlens.evaluation.test_access import TEST_ACCESS
from twinlens.pretraining.pretrain import pretrain
from twinlens.records.tuning import TuningResults
from twinlens.study.planning.config import read_study
from twinlens.study.tuning import tune as module
from twinlens.study.tuning.storage import all_trials, open_trials
from twinlens.study.tuning.tune import tune

HOW = {"trials": 12, "folds": 3, "device": "cpu"}


def _results(folder):
    return TuningResults.read(folder / "tuning.json")


def test_a_search_ends_with_results_and_a_study_that_tests_them(study_file, tmp_path, done):
    folder = tune(study_file, tmp_path / "out", **HOW)
    results = _results(folder)
    assert len(results.trials) == 12
    assert results.left == 0
    assert results.best_trial.mean == max(t.mean for t in results.trials if t.state == "finished")
    assert results.difference.mean == pytest.approx(results.best_trial.mean - results.own.mean)
    assert results.own.values == {"train.lr": 1e-4, "train.epochs": 1}
    assert sum(fold.val for fold in results.search.folds) <= 39
    tuned = read_study(folder / "best.yaml", [])
    assert list(tuned.arms) == ["plain", "plain, tuned"]
    assert tuned.training("plain, tuned").lr == results.best_trial.values["train.lr"]
    assert tuned.training("plain") == read_study(study_file, []).training("plain")
    assert not tuned.search


def test_the_same_command_does_nothing_twice_and_another_search_is_refused(
    study_file, tmp_path, done
):
    folder = tune(study_file, tmp_path / "out", **HOW)
    count, before = len(done), _results(folder)
    tune(study_file, folder, **HOW)
    assert len(done) == count
    assert _results(folder) == before
    with pytest.raises(UserError, match="holds a search that differs in label fraction, folds"):
        tune(study_file, folder, **HOW, label_fraction=0.7)
    with pytest.raises(UserError, match="differs in settings: choose another --out"):
        tune(study_file, folder, **HOW, settings=["train.batch_size=8"])
    tune(study_file, folder, **HOW | {"trials": 13})
    assert len(_results(folder).trials) == 13


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"arm": "plan"}, "Unknown arm 'plan'. Did you mean 'plain'"),
        ({"settings": ["arms.other={}"]}, "Choose with --arm .*: plain, other"),
        ({"seeds": 3}, "--seeds 3 is more than the arm has: 2"),
        ({"trials": 0}, "--trials 0 must be 1 or more"),
        ({"folds": 1}, "--folds 1 must be 2 or more"),
        ({"label_fraction": 1.5}, r"label fraction 1\.5 must be"),
        ({"settings": ["search={train.lr: [0]}"]}, "is wrong"),
        ({"settings": ["train.batch_size=64"]}, "batch"),
    ],
)
def test_a_mistake_is_one_sentence_and_leaves_nothing(study_file, tmp_path, changes, sentence):
    with pytest.raises(UserError, match=sentence):
        tune(study_file, tmp_path / "out", **HOW | changes)
    assert not (tmp_path / "out").exists()


def test_a_folder_of_other_files_is_left_alone(study_file, tmp_path, done):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "thesis.txt").write_text("")
    with pytest.raises(UserError, match=r"exists and holds no search\.json"):
        tune(study_file, tmp_path / "out", **HOW)
    assert done == []


def test_the_only_arm_beside_frozen_baselines_is_searched_unless_one_is_named(
    study_file, tmp_path, done
):
    how = HOW | {"trials": 1, "settings": ["baselines=[supervised_resnet18]"]}
    assert _results(tune(study_file, tmp_path / "out", **how)).search.arm == "plain"


def test_seeds_draw_their_own_folds(study_file, tmp_path, done):
    folder = tune(study_file, tmp_path / "out", **HOW | {"trials": 1}, seeds=2)
    folds = _results(folder).search.folds
    assert [(fold.seed, fold.number) for fold in folds] == [
        (seed, number) for seed in (0, 1) for number in (1, 2, 3)
    ]
    assert len({fold.hash for fold in folds}) == 6
    assert len(_results(folder).trials[0].scores) == 6


def test_a_dry_run_says_what_would_be_done(study_file, tmp_path, done, capsys, monkeypatch):
    estimated = []
    table = SimpleNamespace(table=lambda *_: "An estimate.")
    monkeypatch.setattr(module, "estimate", lambda runs, *_: estimated.extend(runs) or table)
    tune(study_file, tmp_path / "out", **HOW, dry_run=True)
    assert len(estimated) == 1  # of one fold: the others take as long
    assert "12 trials of train.lr, train.epochs for the arm 'plain'" in capsys.readouterr().err
    assert done == []
    assert not (tmp_path / "out").exists()


def test_own_settings_that_fail_end_it(study_file, tmp_path, monkeypatch):
    monkeypatch.setattr(module, "execute", lambda *_, **__: {"run-1": "No memory."})
    with pytest.raises(UserError, match=r"own settings failed \(run-1\): No memory."):
        tune(study_file, tmp_path / "out", **HOW)


class Guarded(np.ndarray):
    """Images of which some raise where they are read."""

    forbidden = np.array([], dtype=np.int64)

    def __getitem__(self, index):
        rows = np.arange(len(self))[index if not isinstance(index, tuple) else index[0]]
        assert not np.isin(rows, self.forbidden).any(), "a test or validation image was read"
        return np.asarray(self)[index]


@pytest.mark.slow
@pytest.mark.parametrize("pretrained", [False, True])
def test_no_test_image_is_read_nor_a_validation_image(
    study_file, tmp_path, monkeypatch, one_thread, pretrained
):
    content = yaml.safe_load(study_file.read_text())
    content["search"] = {"train.tta": [2, 3]}
    if pretrained:
        content["train"] = {"tuning": "linear_probe"}
        twins = {"epochs": 1, "batch_size": 32, "projector": [8], "lr": 1e-3, "monitor_points": 1}
        content["arms"] = {"plain": {"pretrain": twins}}
    study_file.write_text(yaml.safe_dump(content))
    data = open_dataset(content["data"])
    split = open_split(data)
    forbidden = np.concatenate([split.rows["test"], split.rows["val"]])
    monkeypatch.setattr(Guarded, "forbidden", forbidden)
    monkeypatch.setattr(Dataset, "images", property(lambda self: self._images.view(Guarded)))
    with pytest.raises(AssertionError, match="was read"):
        open_dataset(content["data"]).images[forbidden[:2]]

    folder = tune(study_file, tmp_path / "out", **HOW | {"trials": 1, "folds": 2})
    assert len(_results(folder).trials[0].scores) == 2
    assert not _results(folder).warm
    assert not list(folder.rglob(TEST_ACCESS))
    read = pd.concat(map(pd.read_parquet, folder.glob("runs/*/predictions.parquet")))
    assert set(read["split"]) == {"val"}
    assert set(read["id"]) <= set(data.table["id"].iloc[split.rows["train"]])
    assert not list(folder.glob("runs/*/model"))


def test_weights_that_saw_the_folds_without_labels_are_told(study_file, tmp_path):
    data = yaml.safe_load(study_file.read_text())["data"]
    twins = {"epochs": 1, "batch_size": 32, "projector": [8], "lr": 1e-3, "monitor_points": 0}
    pretrained = pretrain(data, tmp_path / "twins", encoder="resnet18_quarter", settings=twins)
    content = yaml.safe_load(study_file.read_text()) | {
        "arms": {"warm": {"weights": str(pretrained / "encoder.safetensors")}},
        "train": {"tuning": "linear_probe", "tta": 1},
        "search": {"train.probe_c": [0.1, 1.0]},
    }
    study_file.write_text(yaml.safe_dump(content))
    assert _results(tune(study_file, tmp_path / "out", **HOW | {"trials": 1, "folds": 2})).warm


@pytest.mark.slow
def test_killed_at_any_moment_it_goes_on_to_the_same_number_of_trials(study_file, tmp_path):
    folder = tmp_path / "out"
    words = ["tune", study_file, "--out", folder, "--trials", "3", "--folds", "2"]
    command = [sys.executable, "-m", "twinlens.cli", *map(str, words), "--device", "cpu"]
    for wait in (2, 5, 8):
        process = subprocess.Popen(command, start_new_session=True, stderr=subprocess.DEVNULL)
        journal, began = folder / "trials.log", time.monotonic()
        while process.poll() is None and time.monotonic() - began < 60:
            time.sleep(0.05)
            if journal.exists() and len(journal.read_bytes().splitlines()) > wait:
                break
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    subprocess.run(command, check=True)
    assert [trial.state in ("finished", "pruned") for trial in _results(folder).trials] == [
        True
    ] * 3
    numbers = [trial.number for trial in all_trials(open_trials(folder))]
    assert numbers == [0, 1, 2]
