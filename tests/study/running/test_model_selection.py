import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image
from torch import nn

from twinlens.data.dataset import open_dataset
from twinlens.data.splits import open_split
from twinlens.engine.device import make_fabric
from twinlens.evaluation.evaluate import evaluate, score
from twinlens.evaluation.metrics import METRICS
from twinlens.evaluation.test_access import read_test_access
from twinlens.files import write_json
from twinlens.inference.predict_files import predict
from twinlens.models.bundle import load_bundle, save_bundle
from twinlens.models.encoders import ENCODERS, EncoderSpec, build_encoder
from twinlens.models.heads import classifier
from twinlens.records.bundle import BundleInfo, Provenance, TestTimeAugmentation
from twinlens.records.scores import Scores
from twinlens.records.weights import InitialWeights, Normalisation, TrainedOn
from twinlens.study.planning.config import Study
from twinlens.study.planning.plan import make_plan
from twinlens.study.running.model_selection import keep_best
from twinlens.study.running.paths import run_folder
from twinlens.views.recipes import RECIPES

VAL = {  # of arm and seed
    ("plain", 0): 0.5,
    ("plain", 1): 0.7,
    ("twins", 0): 0.9,
    ("twins", 1): 0.2,
}
ARMS = {"plain": {}, "twins": {"train": {"lr": 0.1}}}


def _study(**changes):
    options = {"data": "data", "seeds": 2, "label_fractions": [0.5, 1.0], "arms": ARMS}
    return Study.model_validate(options | changes)


def _finish(folder, run, val, data, split):
    """Store an untrained model as if the run had trained it; its val score is made up."""
    target, fabric = run_folder(folder, run), make_fabric("fp32", "cpu")
    encoder, head = build_encoder("tiny", run.seed), classifier(4, len(data.classes), run.seed)
    with torch.no_grad():
        head.weight.mul_(30 if run.arm == "plain" else -30)
    tta = TestTimeAugmentation(views=2, clean=True, recipe=RECIPES["recommended"], seed=run.seed)
    scores, tables = {}, []
    for part in ("val", "test"):
        found = score(encoder, head, data, split.rows[part], part, tta=tta, fabric=fabric)
        scores[part] = found[0]
        tables.append(found[1])
    scores["val"].metrics["balanced_accuracy"] = val
    Scores(parts=scores).write(target / "metrics.json")
    pd.concat(tables).to_parquet(target / "predictions.parquet", index=False)
    provenance = Provenance(
        trained_on=TrainedOn(data_hash=data.hash, split_hash=split.hash),
        label_fraction=1.0,
        seed=run.seed,
        weights=InitialWeights(name="random"),
        settings={},
    )
    info = BundleInfo(
        encoder="tiny",
        normalisation=Normalisation(mean=encoder.mean, std=encoder.std),
        classes=data.classes,
        size=data.size,
        test_time=tta,
        precision="fp32",
        provenance=provenance,
    )
    save_bundle(target / "model", encoder, head, info)
    write_json(target / "run.json", {})


@pytest.fixture
def finished(tmp_path, phantoms, monkeypatch):
    """A study's folder and plan: every training is finished, those of half the labels with 1."""

    def tiny():
        return nn.Sequential(nn.Conv2d(3, 4, 3, stride=2), nn.AdaptiveAvgPool2d(1), nn.Flatten())

    monkeypatch.setitem(ENCODERS, "tiny", EncoderSpec(tiny, feature_dim=4))
    data = open_dataset(phantoms)
    split = open_split(data)
    plan = make_plan(_study(), data_hash=data.hash, split_hash=split.hash)
    for run in plan:
        val = VAL[run.arm, run.seed] if run.label_fraction == 1 else 1.0
        _finish(tmp_path, run, val, data, split)
    return tmp_path, plan


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
    kept = keep_best(folder, _study(), plan)
    best = kept.model_dump()
    test = best.pop("test")
    assert best == {
        "ensemble": "none", "run": winner.id, "arm": "twins", "seed": 0, "label_fraction": 1.0,
        "metric": "balanced_accuracy", "val": 0.9, "members": [winner.id], "folder": "best",
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
    assert keep_best(folder, _study(), plan).run == _run(plan, "plain", 0).id
    assert keep_best(folder, _study(), plan[::-1]).run == _run(plan, "plain", 0).id


def test_it_is_replaced_only_when_another_is_best(finished):
    folder, plan = finished
    keep_best(folder, _study(), plan)
    before = (folder / "best").stat().st_ino
    keep_best(folder, _study(), plan)
    assert (folder / "best").stat().st_ino == before
    _change(folder, _run(plan, "plain", 1), "val", 0.95)
    assert keep_best(folder, _study(), plan).val == 0.95
    assert load_bundle(folder / "best").info.provenance.seed == 1
    assert not [path for path in folder.iterdir() if path.name.startswith("best.")]


def test_nothing_is_kept_where_nothing_can_choose(finished, tmp_path, capsys):
    folder, plan = finished
    assert keep_best(tmp_path / "empty", _study(), plan) is None
    assert "there is no finished training to choose it by" in capsys.readouterr().err
    for run in plan:
        path = run_folder(folder, run) / "metrics.json"
        Scores(parts={"test": Scores.read(path).test}).write(path)
    assert keep_best(folder, _study(), plan) is None
    assert "there are no validation images to choose it by" in capsys.readouterr().err
    assert not (folder / "best").exists()


def test_other_tools_predictions_are_no_model_to_keep(finished):
    folder, plan = finished
    study = _study(arms=ARMS | {"others": {"predictions": "others.csv"}})
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
    study = _study(ensemble=ensemble)
    best = keep_best(folder, study, plan)
    assert best.members == [run.id for run in members]
    assert (best.run, best.arm, best.seed) == (None, arm, None)
    found = evaluate(folder / "best", phantoms, out=tmp_path / "out", device="cpu")
    assert found.metrics == pytest.approx(best.test)
    val = evaluate(folder / "best", phantoms, split="val", device="cpu")
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


def test_an_ensemble_gives_way_to_a_run_and_the_other_way_round(finished):
    folder, plan = finished
    for ensemble, marker in [("seeds", "ensemble.json"), ("none", "bundle.json")] * 2:
        keep_best(folder, _study(ensemble=ensemble), plan)
        assert {"ensemble.json", "bundle.json"} & {p.name for p in (folder / "best").iterdir()} == {
            marker
        }


def test_an_ensemble_of_one_is_that_run(finished):
    folder, plan = finished
    alone = [run for run in plan if run.seed == 0]
    best = keep_best(folder, _study(ensemble="seeds"), alone)
    assert (best.ensemble, best.run) == ("none", _run(plan, "twins", 0).id)
    assert load_bundle(folder / "best").info.choice.val == 0.9
