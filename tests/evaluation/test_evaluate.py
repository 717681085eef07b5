import numpy as np
import pandas as pd
import pytest
from PIL import Image

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
    assert run.data == again.data


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


def test_a_model_is_evaluated_only_on_data_that_fits_it(trained, phantoms, tmp_path):
    with pytest.raises(UserError, match=r"Unknown part of a split 'tests'.*test"):
        evaluate(trained / "model", phantoms, split="tests")
    with pytest.raises(UserError, match="Unknown split 'mine'"):
        evaluate(trained / "model", phantoms, split="mine:test")
    with pytest.raises(UserError, match="not a model bundle"):
        evaluate(tmp_path, phantoms)
    with pytest.raises(UserError, match="--tta 0 must be 1 or more"):
        evaluate(trained / "model", phantoms, tta=0)
