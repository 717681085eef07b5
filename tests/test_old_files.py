"""Files that earlier versions have written still open, and give the numbers that they gave.

`tests/fixtures/make.py` makes the folder of a version. What is newer than this one is refused.
"""

import json
import shutil
from pathlib import Path

import pandas as pd
import pytest
import torch

import twinlens
from tiny import tiny_encoder
from twinlens.data.dataset import open_dataset
from twinlens.data.splits import open_split
from twinlens.errors import UserError
from twinlens.health.folders import check_folder
from twinlens.records.results import StudyResults
from twinlens.records.run import TrainRun, read_run
from twinlens.study.running.paths import read_plan

VERSIONS = sorted((Path(__file__).parent / "fixtures").glob("v*"))
TOLERANCE = 1e-3
"""Largest difference of a probability on another processor or with another version of torch."""


@pytest.fixture(params=VERSIONS, ids=lambda path: path.name)
def stored(request, tmp_path, monkeypatch):
    """A copy of the files of a version, in the working directory, where their paths lead."""
    for name in ("data", "study"):
        shutil.copytree(request.param / name, tmp_path / name)
    monkeypatch.chdir(tmp_path)
    with tiny_encoder():
        yield tmp_path


def _probabilities(path: Path) -> torch.Tensor:
    table = pd.read_parquet(path).sort_values(["split", "id"]).filter(regex="^p_")
    return torch.from_numpy(table.to_numpy().copy())


def test_the_fixtures_are_small():
    for folder in VERSIONS:
        size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
        assert size < 200_000


def test_a_data_set_and_a_study_open_and_are_intact(stored):
    for folder in ("data", "study"):
        assert {str(finding.level) for finding in check_folder(stored / folder)} == {"ok"}
    data = open_dataset(stored / "data")
    assert data.images.shape == (48, 8, 8, 3)
    assert open_split(data).hash
    results = StudyResults.read(stored / "study" / "results.json")
    assert {row.arm for row in results.summaries} == {"plain", "twins"}
    assert [run.kind for run in read_plan(stored / "study")] == ["train", "pretrain", "train"]


def test_a_report_is_written_of_an_old_study(stored):
    page = twinlens.report(stored / "study")
    assert "random" in page.read_text(encoding="utf-8")


def test_a_bundle_predicts_what_it_predicted(stored):
    model, _ = twinlens.load_model(stored / "study" / "best")
    data = open_dataset(stored / "data")
    (run,) = [
        path
        for path in (stored / "study" / "runs").glob("train-*")
        if (path / "model" / "model.safetensors").read_bytes()
        == (stored / "study" / "best" / "model.safetensors").read_bytes()
    ]
    table = pd.read_parquet(run / "predictions.parquet").sort_values(["split", "id"])
    rows = pd.Index(data.table["id"]).get_indexer(table["id"])
    images = torch.from_numpy(data.images[rows].copy()).permute(0, 3, 1, 2) / 255
    with torch.no_grad():
        found = model(images).double()
    temperature = model.temperature or 1.0
    expected = torch.softmax(_probabilities(run / "predictions.parquet").log() / temperature, 1)
    assert (found - expected).abs().max() < TOLERANCE


def test_the_same_training_gives_the_same_result(stored):
    """The golden result: a training from random weights, of all versions of torch alike."""
    (old,) = (stored / "study" / "runs").glob("train-plain-*")
    record = read_run(old)
    assert isinstance(record, TrainRun)
    request = record.request
    again = twinlens.train(
        "data", "again", encoder="tiny", device="cpu", seed=request.seed, preset=request.preset,
        settings=dict(request.settings), split=request.split,
    )  # fmt: skip
    expected, found = (_probabilities(run / "predictions.parquet") for run in (old, again))
    assert (found - expected).abs().max() < TOLERANCE


@pytest.mark.parametrize(
    ("file", "read", "words"),
    [
        ("study/best/bundle.json", lambda: twinlens.load_model("study/best"), "update Twinlens"),
        ("data/dataset.json", lambda: open_dataset("data"), "written by another version"),
        ("study/results.json", lambda: twinlens.report("study"), "written by another version"),
        ("study/plan.json", lambda: read_plan(Path("study")), "written by another version"),
    ],
)
def test_what_is_newer_is_refused_in_words(stored, file, read, words):
    content = json.loads((stored / file).read_text())
    (stored / file).write_text(json.dumps(content | {"version": 99, "novelty": 1}))
    with pytest.raises(UserError, match=words):
        read()
