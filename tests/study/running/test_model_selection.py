import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image
from untrained import ARMS, VAL, study_of

from twinlens.data.dataset import open_dataset
from twinlens.data.splits import open_split
from twinlens.evaluation.data_set_evaluation import Chooser
from twinlens.evaluation.evaluate import evaluate
from twinlens.evaluation.metrics import METRICS
from twinlens.evaluation.test_access import read_test_access
from twinlens.evaluation.trust.prediction_sets import fit_prediction_sets
from twinlens.files import write_json
from twinlens.inference.predict_files import predict
from twinlens.models.bundle import load_bundle, save_bundle
from twinlens.models.ensemble import read_prediction_sets, read_temperature
from twinlens.records.scores import Scores
from twinlens.study.planning.plan import make_plan
from twinlens.study.running import model_selection
from twinlens.study.running.paths import run_folder


def keep_best(folder, study, plan, make_soup=None):
    return model_selection.keep_best(folder, study, plan, make_soup)


def _run(plan, arm, seed):
    return next(r for r in plan if (r.arm, r.seed, r.label_fraction) == (arm, seed, 1.0))


def _change(folder, run, part, value):
    path = run_folder(folder, run) / "metrics.json"
    scores = Scores.read(path)
    scores.parts[part].metrics["balanced_accuracy"] = value
    scores.write(path)


def test_the_best_on_validation_is_kept_though_another_is_best_on_test(finished):
    folder, plan = finished
    winner = _run(plan, "twins", 0)
    for run in plan:
        _change(folder, run, "test", 0.1 if run is winner else 0.8)
    kept = keep_best(folder, study_of(), plan)
    best = kept.model_dump()
    test = best.pop("test")
    assert best == {
        "ensemble": "none", "run": winner.id, "arm": "twins", "seed": 0, "label_fraction": 1.0,
        "metric": "balanced_accuracy", "val": 0.9, "members": [winner.id], "folder": "best",
        "soup_val": None,
    }  # fmt: skip
    assert set(test) == set(METRICS)
    assert test["balanced_accuracy"] == 0.1
    kept, original = (
        load_bundle(f) for f in (folder / "best", run_folder(folder, winner) / "model")
    )
    assert kept.info.model_copy(update={"choice": None}) == original.info
    assert torch.equal(kept.head.weight, original.head.weight)
    assert kept.info.choice.model_dump() | {"folder": "best"} == best
    assert read_test_access(folder / "test_access.jsonl") == []


def test_of_equal_runs_the_first_by_name_is_kept(finished):
    folder, plan = finished
    for run in plan:
        _change(folder, run, "val", 0.5)
    assert keep_best(folder, study_of(), plan).run == _run(plan, "plain", 0).id
    assert keep_best(folder, study_of(), plan[::-1]).run == _run(plan, "plain", 0).id


def test_it_is_replaced_only_when_another_is_best(finished):
    folder, plan = finished
    keep_best(folder, study_of(), plan)
    before = (folder / "best").stat().st_ino
    keep_best(folder, study_of(), plan)
    assert (folder / "best").stat().st_ino == before
    _change(folder, _run(plan, "plain", 1), "val", 0.95)
    assert keep_best(folder, study_of(), plan).val == 0.95
    assert load_bundle(folder / "best").info.provenance.seed == 1
    assert not [path for path in folder.iterdir() if path.name.startswith("best.")]


def test_nothing_is_kept_where_nothing_can_choose(finished, tmp_path, capsys):
    folder, plan = finished
    assert keep_best(tmp_path / "empty", study_of(), plan) is None
    assert "there is no finished training to choose it by" in capsys.readouterr().err
    for run in plan:
        path = run_folder(folder, run) / "metrics.json"
        Scores(parts={"test": Scores.read(path).test}).write(path)
    assert keep_best(folder, study_of(), plan) is None
    assert "there are no validation images to choose it by" in capsys.readouterr().err
    assert not (folder / "best").exists()


def test_other_tools_predictions_are_no_model_to_keep(finished):
    folder, plan = finished
    study = study_of(arms=ARMS | {"others": {"predictions": "others.csv"}})
    others = [run for run in make_plan(study, data_hash="", split_hash="") if run.arm == "others"]
    for run in others:
        scores = {part: dict.fromkeys(METRICS, 1.0) for part in ("val", "test")}
        write_json(run_folder(folder, run) / "metrics.json", scores)
        write_json(run_folder(folder, run) / "run.json", {})
    assert keep_best(folder, study, [*others, *plan]).arm == "twins"


def _mean_of_stored(folder, runs, part):
    tables = [pd.read_parquet(run_folder(folder, run) / "predictions.parquet") for run in runs]
    tables = [table[table["split"] == part].filter(like="p_").to_numpy() for table in tables]
    return sum(table.astype(float) for table in tables) / len(tables)


@pytest.mark.parametrize(("ensemble", "arm"), [("seeds", "plain"), ("arms", None)])
def test_an_ensemble_is_the_mean_of_its_members(finished, phantoms, tmp_path, ensemble, arm):
    folder, plan = finished
    members = [_run(plan, arm, seed) for arm, seed in VAL if ensemble == "arms" or arm == "plain"]
    study = study_of(ensemble=ensemble)
    best = keep_best(folder, study, plan)
    assert best.members == [run.id for run in members]
    assert (best.run, best.arm, best.seed) == (None, arm, None)
    found = evaluate(folder / "best", phantoms, out=tmp_path / "out", device="cpu")
    assert found.metrics == pytest.approx(best.test)
    val = evaluate(folder / "best", phantoms, split="val", out=tmp_path / "val", device="cpu")
    table = pd.read_parquet(tmp_path / "val" / "predictions.parquet")
    chooser = Chooser(table, read_temperature(folder / "best"), "")
    sets, classes = read_prediction_sets(folder / "best"), open_dataset(phantoms).classes
    assert sets.threshold == pytest.approx(fit_prediction_sets(chooser, classes).threshold)
    assert best.val == pytest.approx(val.metrics["balanced_accuracy"])
    expected = _mean_of_stored(folder, members, "test")
    table = pd.read_parquet(tmp_path / "out" / "predictions.parquet")
    table = table[table["split"] == "test"].filter(like="p_")
    np.testing.assert_allclose(table.to_numpy(), expected, atol=1e-6)
    assert np.ptp([_mean_of_stored(folder, [run], "test") for run in members], axis=0).max() > 0.1
    (opening,) = read_test_access(folder / "test_access.jsonl")
    assert opening.by == f"best (ensemble of {len(members)})"
    assert keep_best(folder, study, plan) == best
    assert len(read_test_access(folder / "test_access.jsonl")) == 1
    data = open_dataset(phantoms)
    row = open_split(data).rows["test"][0]
    Image.fromarray(data.images[row]).save(tmp_path / "image.png")
    ours = predict(folder / "best", tmp_path / "image.png", device="cpu").filter(like="p_")
    np.testing.assert_allclose(ours.to_numpy()[0].astype(float), expected[0], atol=1e-5)


@pytest.mark.parametrize(("val", "kept"), [(0.71, True), (0.7, True), (0.69, False)])
def test_a_soup_is_kept_where_it_is_no_worse_than_the_best_run(finished, phantoms, val, kept):
    folder, plan = finished
    _change(folder, _run(plan, "twins", 0), "val", 0.1)  # so that 'plain' is the best arm
    best, members = _run(plan, "plain", 1), [_run(plan, "plain", seed) for seed in (0, 1)]
    asked = []

    def make_soup(runs, metric, at_least):
        asked.append((runs, metric, at_least))
        save_bundle(folder / "soup" / "model", *_parts(folder, best))
        scores = Scores.read(run_folder(folder, best) / "metrics.json")
        scores.val.metrics[metric] = val
        scores.test.metrics[metric] = 0.3
        scores.write(folder / "soup" / "metrics.json")
        return scores

    study = study_of(ensemble="soup")
    found = keep_best(folder, study, plan, make_soup)
    assert asked == [(members, "balanced_accuracy", 0.7)]
    assert (
        load_bundle(folder / "best").info.choice.model_dump().items() <= found.model_dump().items()
    )
    if kept:
        assert (found.ensemble, found.run, found.arm, found.val) == ("soup", None, "plain", val)
        assert found.members == [run.id for run in members]
        assert (found.soup_val, found.test["balanced_accuracy"]) == (None, 0.3)
    else:
        assert (found.ensemble, found.run, found.val, found.soup_val) == ("none", best.id, 0.7, val)


def _parts(folder, run):
    bundle = load_bundle(run_folder(folder, run) / "model")
    return bundle.encoder, bundle.head, bundle.info


def test_an_ensemble_gives_way_to_a_run_and_the_other_way_round(finished):
    folder, plan = finished
    for ensemble, marker in [("seeds", "ensemble.json"), ("none", "bundle.json")] * 2:
        keep_best(folder, study_of(ensemble=ensemble), plan)
        assert {"ensemble.json", "bundle.json"} & {p.name for p in (folder / "best").iterdir()} == {
            marker
        }


def test_an_ensemble_of_one_is_that_run(finished):
    folder, plan = finished
    alone = [run for run in plan if run.seed == 0]
    best = keep_best(folder, study_of(ensemble="seeds"), alone)
    assert (best.ensemble, best.run) == ("none", _run(plan, "twins", 0).id)
    assert load_bundle(folder / "best").info.choice.val == 0.9
    card = (folder / "best" / "README.md").read_text(encoding="utf-8")
    assert "| chosen by a study | balanced accuracy 0.900 on validation images |" in card
