import shutil

import numpy as np
import pandas as pd
import pytest
from PIL import Image

import twinlens
from twinlens.data.dataset import open_dataset
from twinlens.data.splits import open_split
from twinlens.errors import UserError
from twinlens.evaluation.evaluate import evaluate
from twinlens.importing.import_images import import_images
from twinlens.records.evaluation import EvaluationRecord
from twinlens.records.scores import Scores


@pytest.mark.parametrize("recompute", [False, True])
def test_the_model_evaluated_again_gives_the_same_metrics(trained, phantoms, tmp_path, recompute):
    out = tmp_path / "out"
    again = evaluate(trained / "model", phantoms, out=out, device="cpu", recompute=recompute)
    stored = Scores.read(trained / "metrics.json").test
    assert again.metrics == pytest.approx(stored.metrics)
    assert again.data[0].by_image.confusion == stored.confusion
    assert again.data[0].stored != recompute
    assert EvaluationRecord.read(out / "evaluation.json").data == again.data
    predictions = pd.read_parquet(trained / "predictions.parquet").sort_values(["split", "id"])
    found = pd.read_parquet(out / "predictions.parquet").sort_values(["split", "id"])
    assert set(found.pop("dataset")) == {phantoms.name}
    frames = (table.reset_index(drop=True) for table in (found, predictions))
    pd.testing.assert_frame_equal(*frames, check_dtype=False)
    run = evaluate(trained, phantoms, device="cpu", recompute=recompute)
    assert run.data[0].by_image == again.data[0].by_image


@pytest.fixture
def images(phantoms, tmp_path):
    """A function that imports test images of the phantoms anew, some classes, at some size."""

    def imported(size, keep=bool, rename=str):
        data = open_dataset(phantoms)
        rows = [row for row in open_split(data).rows["test"] if keep(data.table["label"][row])]
        for row in rows:
            folder = tmp_path / "images" / "test" / rename(data.table["label"][row])
            folder.mkdir(parents=True, exist_ok=True)
            Image.fromarray(data.images[row]).save(folder / f"{row:04}.png")
        return import_images(tmp_path / "images", tmp_path / "data", size=size).path

    return imported


def test_the_data_may_lack_classes_of_the_model(trained, images, tmp_path, capsys):
    out = tmp_path / "out"
    scores = evaluate(
        trained / "model", images(32, {"NV", "MEL"}.__contains__), out=out, device="cpu"
    )
    told = capsys.readouterr().err
    assert "No image of AK, BCC, BKL, DF, SCC, VASC is in 'test'" in told
    stored = pd.read_parquet(trained / "predictions.parquet")
    stored = stored[(stored["split"] == "test") & stored["label"].isin(["NV", "MEL"])]
    columns = list(stored.filter(like="p_"))
    found = pd.read_parquet(out / "predictions.parquet")
    assert list(found.filter(like="p_")) == columns
    values = [np.sort(table[columns].to_numpy(), axis=0) for table in (found, stored)]
    np.testing.assert_allclose(*values, atol=1e-5)
    predicted = stored[columns].idxmax(axis=1).str.removeprefix("p_")
    recalls = (predicted == stored["label"]).groupby(stored["label"]).mean()
    assert scores.metrics["balanced_accuracy"] == pytest.approx(recalls.mean())
    assert scores.data[0].by_image.per_class["NV"].support == (stored["label"] == "NV").sum()


def test_images_of_another_size_are_resized(trained, images, phantoms, capsys):
    scores = evaluate(trained / "model", images(64), device="cpu", tta=1)
    assert "have 64 pixels: they are resized to the 32" in capsys.readouterr().err
    assert scores.data[0].by_image.n == len(open_split(open_dataset(phantoms)).rows["test"])


def test_a_class_that_the_model_does_not_know_is_named(trained, images):
    data = images(32, rename=lambda name: {"NV": "naevus"}.get(name, name))
    with pytest.raises(UserError, match=r"does not know \(naevus\); it knows AK, BCC, BKL, DF"):
        evaluate(trained / "model", data)


def test_an_outside_data_set_is_compared_with_the_first(trained, phantoms, images, tmp_path):
    outside = images(64, rename=lambda name: {"NV": "naevus"}.get(name, name))
    (tmp_path / "map.yaml").write_text("naevus: NV\nDF:\n")
    submission, out = tmp_path / "isic.csv", tmp_path / "out"
    options = {"class_map": tmp_path / "map.yaml", "device": "cpu", "tta": 1}
    found = evaluate(trained / "model", (phantoms, outside), out=out, **options)
    first, second = found.data
    assert (first.internal, second.internal) == (True, False)
    assert second.class_map == {"naevus": "NV", "DF": None}
    assert second.absent == ["DF"]
    assert second.by_image.n == first.by_image.n - first.by_image.per_class["DF"].support
    assert second.left_out == first.by_image.per_class["DF"].support
    assert first.binary.title == "malignant"
    assert first.calibration.temperature == second.calibration.temperature
    (drop,) = (of for of in found.drops if of.metric == "accuracy")
    accuracies = [of.by_image.metrics["accuracy"].value for of in found.data]
    assert drop.difference.value == pytest.approx(accuracies[1] - accuracies[0])
    assert drop.difference.low < drop.difference.value < drop.difference.high
    table = pd.read_parquet(out / "predictions.parquet")
    parts = table.groupby(["dataset", "split"]).size()
    assert parts.loc[first.name, "test"] == first.by_image.n
    assert parts.loc[second.name, second.part] == second.by_image.n
    assert parts.loc[first.name, "val"] > 0
    with pytest.raises(UserError, match="--isic-csv writes the predictions of one data set"):
        evaluate(trained / "model", (phantoms, outside), isic_csv=submission, **options)
    with pytest.raises(UserError, match="named twice"):
        evaluate(trained / "model", (phantoms, phantoms), device="cpu")
    evaluate(trained / "model", phantoms, isic_csv=submission, device="cpu")
    assert len(pd.read_csv(submission)) == first.by_image.n


def test_a_model_is_evaluated_only_on_data_that_fits_it(trained, phantoms, tmp_path):
    with pytest.raises(UserError, match=r"Unknown part of a split 'tests'.*test"):
        evaluate(trained / "model", phantoms, split="tests")
    with pytest.raises(UserError, match="Unknown split 'mine'"):
        evaluate(trained / "model", phantoms, split="mine:test")
    with pytest.raises(UserError, match="not a model bundle"):
        evaluate(tmp_path, phantoms)
    with pytest.raises(UserError, match="--tta 0 must be 1 or more"):
        evaluate(trained / "model", phantoms, tta=0)


def test_of_several_splits_a_model_is_evaluated_on_its_own(trained, phantoms, tmp_path):
    folder = tmp_path / "data"
    shutil.copytree(phantoms, folder)
    own = open_split(open_dataset(folder))
    twinlens.split(folder, val=0.3, test=0.3, name="another")
    found = evaluate(trained / "model", folder)
    assert found.data[0].by_image.n == len(own.rows["test"])
    with pytest.raises(UserError, match=r"named as SPLIT:test"):
        evaluate(trained / "model", folder, split="another")
