import os
import random
import shutil
import signal
import subprocess
import sys
import time
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import torch
import yaml
from scipy import stats
from sklearn.metrics import balanced_accuracy_score

from twinlens.data.dataset import open_dataset
from twinlens.data.splits import open_split
from twinlens.errors import UserError
from twinlens.files import read_json, write_json
from twinlens.importing.import_images import import_images
from twinlens.models.encoders import build_encoder
from twinlens.models.resnet import ResNet
from twinlens.records.results import StudyResults
from twinlens.records.run import TrainRun, read_run
from twinlens.reporting.report import report
from twinlens.study import compare as module
from twinlens.study.compare import compare
from twinlens.study.running import execute
from twinlens.study.running.paths import read_plan, run_folder

STUDY = {
    "encoder": "resnet18_quarter",
    "precision": "fp32",
    "seeds": 2,
    "pretrain": {"epochs": 1, "batch_size": 32, "projector": [8], "lr": 1e-3, "monitor_points": 1},
    "train": {"epochs": 1, "batch_size": 16, "lr": 1e-3, "tta": 1},
    "arms": {"plain": {}, "twins": {"pretrain": {}}},
}


def _estimate(*_):
    return SimpleNamespace(table=lambda *_: "An estimate.", seconds_of=lambda _: 3600.0)


@pytest.fixture(scope="module")
def study_file(phantoms, tmp_path_factory):
    path = tmp_path_factory.mktemp("study") / "study.yaml"
    path.write_text(yaml.safe_dump(STUDY | {"data": str(phantoms)}), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def finished(study_file, one_thread):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "estimate", _estimate)
        return compare(study_file, study_file.parent / "out", device="cpu")


@pytest.fixture
def estimated(monkeypatch):
    """How many runs were estimated, each time; it takes no time here."""
    asked = []
    monkeypatch.setattr(module, "estimate", lambda runs, *_: asked.append(len(runs)) or _estimate())
    return asked


def read_results(folder):
    return StudyResults.read(folder / "results.json")


def _scores(folder):
    """Balanced accuracy on test by arm and seed, from the stored predictions alone."""
    scores = {}
    for run in read_plan(folder):
        if run.kind == "train":
            table = pd.read_parquet(run_folder(folder, run) / "predictions.parquet")
            test = table[table["split"] == "test"]
            predicted = test.filter(like="p_").idxmax(axis=1).str.removeprefix("p_")
            scores[run.arm, run.seed] = balanced_accuracy_score(test["label"], predicted)
    return scores


def test_the_table_follows_from_the_stored_predictions(finished):
    scores, results = _scores(finished), read_results(finished)
    values = {arm: [scores[arm, seed] for seed in (0, 1)] for arm in ("plain", "twins")}
    for arm, expected in values.items():
        found = results.summary(arm, 1.0, "balanced_accuracy")
        assert found.values == pytest.approx(expected, abs=1e-12)
        assert found.sd == pytest.approx(stats.tstd(expected), abs=1e-12)
    difference = results.difference("twins", 1.0, "balanced_accuracy")
    paired = stats.ttest_rel(values["twins"], values["plain"])
    interval = paired.confidence_interval(difference.level)
    assert difference.mean == pytest.approx(sum(values["twins"]) / 2 - sum(values["plain"]) / 2)
    assert difference.seeds_interval == pytest.approx([interval.low, interval.high])
    assert difference.covers == "seeds and test images"
    assert len(results.verdict) == 2
    assert [entry.seeds for entry in results.test_access] == [None] * 5 + [2]


def test_arms_share_what_they_should(finished):
    records = [read_run(run_folder(finished, run)) for run in read_plan(finished)]
    assert len({r.data.split_hash for r in records}) == 1
    assert len({r.environment.precision for r in records}) == 1
    first, second = (r for r in records if isinstance(r, TrainRun) and r.seed == 0)
    assert first.settings == second.settings
    assert first.encoder == second.encoder
    assert (first.pretraining is None) != (second.pretraining is None)


def test_the_audit_of_data_and_split_lies_beside_the_results(finished, phantoms):
    data, audit = open_dataset(phantoms), read_json(finished / "audit.json")
    assert (audit["data_hash"], audit["split_hash"]) == (data.hash, open_split(data).hash)
    assert not audit["leaking"]
    page = report(finished).read_text()
    assert "No audit of the data is stored" not in page


def test_a_finished_study_is_not_run_again(finished, study_file, monkeypatch):
    monkeypatch.setattr(
        execute, "_carry_out", lambda *_: pytest.fail("a finished run was run again")
    )
    before = (finished / "results.json").read_text()
    compare(study_file, finished, device="cpu")
    assert (finished / "results.json").read_text() == before


def test_a_changed_study_asks_first_and_keeps_the_runs_that_stay(study_file, finished, tmp_path):
    with pytest.raises(UserError, match="differs in seeds: choose another --out, or pass --resume"):
        compare(study_file, finished, settings=["seeds=3"], device="cpu")
    with pytest.raises(UserError, match="primary_metric can no longer be declared beforehand"):
        compare(
            study_file, finished, settings=["primary_metric=accuracy"], device="cpu", resume=True
        )
    (tmp_path / "letter.txt").write_text("mine")
    for dry_run in (False, True):
        with pytest.raises(UserError, match=r"holds no study\.yaml"):
            compare(study_file, tmp_path, device="cpu", dry_run=dry_run)


@pytest.mark.slow
def test_a_dry_run_makes_nothing(study_file, tmp_path, capsys):
    compare(study_file, tmp_path / "out", dry_run=True, device="cpu")
    assert not (tmp_path / "out").exists()
    told = capsys.readouterr().err
    assert "2 arms x 2 seeds x 1 label fractions: 4 trainings and 2 pretrainings" in told
    assert "In all about" in told


def test_a_failed_run_is_reported_and_does_not_stop_the_others(
    study_file, tmp_path, monkeypatch, estimated
):
    do = execute._carry_out

    def fail(run, *others):
        if run.kind == "pretrain":
            raise UserError("the loss became nan")
        do(run, *others)

    monkeypatch.setattr(execute, "_carry_out", fail)
    out = compare(study_file, tmp_path / "out", settings=["seeds=1"], device="cpu")
    results = read_results(out)
    assert {(row.arm, row.label_fraction) for row in results.summaries} == {("plain", 1.0)}
    reasons = [failure.reason for failure in results.failures]
    assert reasons[0] == "the loss became nan"
    assert "which failed" in reasons[1]
    assert "no second arm" in results.verdict[1]


@pytest.mark.parametrize(
    ("setting", "sentence"),
    [
        ("encoder=resnet19", "Arm 'plain': Unknown encoder 'resnet19'"),
        ("pretrain.method=contrastive", "arm 'twins': Unknown method 'contrastive'"),
        ("pretrain.batch_size=999", "Arm 'twins': The batch size 999 is larger than the 102"),
        ("positive=MELL", "Unknown class or group of classes 'MELL'"),
    ],
)
def test_what_is_wrong_is_said_before_anything_runs(study_file, tmp_path, setting, sentence):
    with pytest.raises(UserError, match=sentence):
        compare(study_file, tmp_path / "out", settings=[setting], device="cpu", dry_run=True)
    assert not (tmp_path / "out").exists()


def test_stopped_after_max_hours_it_says_so_and_the_same_command_goes_on(
    study_file, finished, tmp_path, capsys, estimated
):
    out = compare(study_file, tmp_path / "out", device="cpu", max_hours=0)
    results = read_results(out)
    assert results.failures == []
    assert (
        results.verdict[0]
        == "No run of the reference arm 'plain' with the most labels is finished."
    )
    assert (
        "Stopped after 0 h, 6 runs are left: the same command resumes them."
        in capsys.readouterr().err
    )
    assert report(out).exists()
    shutil.rmtree(out / "runs")
    shutil.copytree(finished / "runs", out / "runs")
    compare(study_file, out, device="cpu", max_hours=1)
    assert read_results(out).summaries == read_results(finished).summaries
    assert "Stopped" not in capsys.readouterr().err


def test_runs_are_estimated_before_a_study_begins_and_not_when_it_goes_on(
    study_file, tmp_path, estimated, capsys
):
    out = tmp_path / "out"
    compare(study_file, out, device="cpu", max_hours=0)
    assert "An estimate." in capsys.readouterr().err
    compare(study_file, out, device="cpu", max_hours=0)
    assert estimated == [6]
    compare(study_file, out, device="cpu", dry_run=True)
    assert estimated == [6, 6]
    done = read_plan(out)[0]
    write_json(run_folder(out, done) / "run.json", {})
    compare(study_file, out, device="cpu", dry_run=True)
    assert estimated == [6, 6, 5]


def test_workers_are_chosen_where_asked_for_and_kept_when_the_study_goes_on(
    study_file, tmp_path, monkeypatch
):
    measured, began, found = [], [], _estimate()
    found.best_workers, found.divided = lambda _: 2, lambda _: found
    monkeypatch.setattr(module, "estimate", lambda *asked: measured.append(asked[2]) or found)
    monkeypatch.setattr(module, "execute", lambda _, pool, __: began.append(pool.workers) or {})
    monkeypatch.setattr(torch, "get_num_threads", lambda: 3)
    out = tmp_path / "out"
    for workers in (0, 0, 3, 0):
        compare(study_file, out, device="cpu", max_hours=0, workers=workers)
    monkeypatch.setattr(module, "is_finished", lambda *_: True)
    compare(study_file, out, device="cpu", max_hours=0, workers=0)
    monkeypatch.setattr(module, "is_finished", lambda *_: False)
    for workers in (0, None):
        compare(study_file, out, device="cpu", max_hours=0, workers=workers)
    monkeypatch.setattr(torch, "get_num_threads", lambda: 2)
    compare(study_file, out, device="cpu", max_hours=0, workers=3)
    compare(study_file, out, device="cpu", max_hours=0, workers=0)
    assert measured == [3]  # as many as have cores, and runs that wait for no other
    assert began[:6] == [2, 2, 3, 3, 1, 3]  # with nothing left to do, one that sees so
    assert began[6:] == [1, 3, 2]  # no more than there are cores, unless asked for


def test_begun_and_killed_at_once_the_folder_is_still_the_study_s(study_file, tmp_path, estimated):
    (tmp_path / ".study.yaml.lock").touch()
    (tmp_path / ".study.yaml.123.tmp").touch()
    out = compare(study_file, tmp_path, device="cpu", max_hours=0)
    assert (out / "results.json").exists()


@pytest.mark.slow
def test_killed_at_random_and_started_again_the_table_is_the_same(study_file, tmp_path, finished):
    """SIGKILL of all processes, three times, soon after a run was begun; then to the end."""
    out = tmp_path / "out"
    command = [sys.executable, "-m", "twinlens.cli", "compare", str(study_file), "--out", str(out)]
    command += ["--device", "cpu", "--workers", "2"]
    env = os.environ | {"OMP_NUM_THREADS": "2"}  # one for each worker, as `finished` had
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    waits, killed = random.Random(5), 0
    for _ in range(3):
        begun = len(list(out.glob("runs/*.lock")))
        process = subprocess.Popen(command, env=env, start_new_session=True, **quiet)
        while process.poll() is None and len(list(out.glob("runs/*.lock"))) == begun:
            time.sleep(0.05)
        time.sleep(waits.uniform(0, 2))
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            killed += 1
        process.wait()
    assert killed >= 2
    subprocess.run(command, check=True, capture_output=True, env=env)
    assert (out / "report.html").stat().st_size > 10_000
    resumed, whole = map(read_results, (out, finished))
    assert resumed.summaries == whole.summaries
    assert resumed.differences == whole.differences


@pytest.mark.parametrize("limit", [{"workers": -1}, {"max_hours": -1.0}])
def test_limits_below_their_minimum_are_refused(limit, tmp_path):
    with pytest.raises(UserError, match=f"--{next(iter(limit)).replace('_', '-')} .* or more"):
        compare("study.yaml", tmp_path / "out", **limit)


@pytest.mark.slow
@pytest.mark.usefixtures("estimated")
def test_a_frozen_baseline_leads_the_verdict_and_sees_each_image_once(
    phantoms, tmp_path, monkeypatch, capsys
):
    weights = tmp_path / "weights.pth"
    torch.save(build_encoder("resnet18_quarter", seed=1).state_dict(), weights)
    ours = {"name": "ours", "encoder": "resnet18_quarter", "weights": str(weights)}
    probe = STUDY["train"] | {"tuning": "linear_probe"}
    content = STUDY | {"data": str(phantoms), "train": probe, "arms": {"plain": {}}}
    content |= {"baselines": [ours], "label_fractions": [1.0, 0.5]}
    (tmp_path / "study.yaml").write_text(yaml.safe_dump(content), encoding="utf-8")
    seen, forward = [], ResNet.forward

    def count(network, images):
        seen.append(len(images))
        return forward(network, images)

    monkeypatch.setattr(ResNet, "forward", count)
    out = compare(tmp_path / "study.yaml", tmp_path / "out", device="cpu")
    data = open_dataset(phantoms)
    told = capsys.readouterr().err
    assert f"Frozen baselines: 'ours, frozen' at {data.size} pixels." in told
    labelled = sum(len(open_split(data).rows[part]) for part in ("train", "val", "test"))
    assert sum(seen) <= 3 * labelled + 10, "two random networks and ours, of 8 runs"
    assert not (out / "features").exists()
    results = read_results(out)
    assert [*results.baselines, results.against_baseline.baseline] == ["ours, frozen"] * 2
    assert results.verdict[0].startswith("The best arm, 'plain', reached")
    assert compare(out / "study.yaml", out, device="cpu") == out, "what is stored is the same study"


def test_predictions_of_others_are_compared_without_any_image(tmp_path, capsys):
    numbers = np.random.default_rng(0).random(60)
    table = pd.DataFrame({"image": [f"i{n}" for n in range(60)], "label": ["x", "y"] * 30})
    table["part"] = ["train"] * 20 + ["test"] * 40
    table.to_csv(tmp_path / "labels.csv", index=False)
    data = import_images(
        tmp_path / "labels.csv", tmp_path / "data", split="part", size=8, table_only=True
    ).path
    arms = {}
    for name, shares in {"one": numbers, "other": 1 - numbers}.items():
        theirs = pd.DataFrame({"id": table["image"], "p_x": shares, "p_y": 1 - shares})
        theirs.to_csv(tmp_path / f"{name}.csv", index=False)
        arms[name] = {"predictions": str(tmp_path / f"{name}.csv")}
    content = {"data": str(data), "encoder": "resnet18", "seeds": 1, "arms": arms}
    write_json(tmp_path / "study.yaml", content)
    compare(tmp_path / "study.yaml", tmp_path / "out", device="cpu")
    assert {s.arm for s in read_results(tmp_path / "out").summaries} == {"one", "other"}
    assert "Chosen for this machine" not in capsys.readouterr().err
