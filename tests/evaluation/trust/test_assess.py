import sys

import numpy as np
import pandas as pd
import pytest

from twinlens.data.dataset import open_dataset
from twinlens.data.splits import open_split
from twinlens.errors import UserError
from twinlens.evaluation.evaluate import evaluate
from twinlens.evaluation.trust.assess import prevalence_of
from twinlens.records.evaluation import EVALUATION, EvaluationRecord
from twinlens.records.examples import EXAMPLES, PICTURES, Examples


@pytest.fixture(scope="module")
def explained(trained, phantoms, tmp_path_factory):
    """An evaluation of the phantoms with examples, and what was returned of it."""
    pytest.importorskip("captum")
    out = tmp_path_factory.mktemp("explained") / "out"
    options = {"prevalence": "MEL=0.5", "subgroups": "ruler,skin_tone", "explain": True}
    return out, evaluate(trained / "model", phantoms, out=out, device="cpu", **options)


def test_reliability_is_stored(explained, phantoms):
    out, returned = explained
    found = EvaluationRecord.read(out / EVALUATION).data[0].reliability
    assert found == returned.data[0].reliability
    data = open_dataset(phantoms)
    assert sum(found.prior.values()) == pytest.approx(1)
    assert min(found.prior.values()) > 0
    assert [sets.by_class for sets in found.sets] == [False, True]
    val = open_split(data).rows["val"]
    assert sum(found.sets[0].calibration.values()) == data.table["group"].iloc[val].nunique()
    assert {flags.check for flags in found.flagged} == {
        "poor photographs", "unlike the training images"
    }  # fmt: skip
    assert found.prevalences[-1].prevalence["MEL"] == pytest.approx(0.5)
    assert {s.column for s in found.subgroups.scores} == {"ruler", "skin_tone"}


def test_examples_have_pictures_heat_and_neighbours(explained, phantoms, trained):
    out, _ = explained
    found = Examples.read(out / EXAMPLES)
    pictures = np.load(out / PICTURES)
    count = len(found.examples)
    assert pictures["images"].shape == (count, 32, 32, 3)
    assert pictures["heat"].shape == (count, 32, 32)
    assert pictures["nearest"].shape == (count, 3, 32, 32, 3)
    assert {place for places in found.kinds.values() for place in places} == {*range(count)}
    data = open_dataset(phantoms)
    train = set(data.table["id"].iloc[open_split(data).rows["train"]])
    stored = pd.read_parquet(trained / "predictions.parquet").set_index("id")
    for example, picture in zip(found.examples, pictures["images"], strict=True):
        row = pd.Index(data.table["id"]).get_loc(example.id)
        np.testing.assert_array_equal(picture, data.images[row])
        assert example.label == data.table["label"][row]
        p = stored.loc[example.id].filter(like="p_")
        assert example.predicted == p.astype(float).idxmax().removeprefix("p_")
        assert {near.id for near in example.nearest} <= train
        distances = [near.distance for near in example.nearest]
        assert distances == sorted(distances)
    errors = [found.examples[place] for place in found.kinds["worst errors"]]
    assert all(example.label != example.predicted for example in errors)


def test_an_explanation_needs_captum_and_the_training_images(
    trained, phantoms, tmp_path, monkeypatch, dataset_of
):
    monkeypatch.setitem(sys.modules, "captum.attr", None)
    with pytest.raises(UserError, match=r"pip install 'twinlens\[explain\]'"):
        evaluate(trained / "model", phantoms, out=tmp_path / "out", explain=True, device="cpu")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"prevalence": "MEL"}, "as in MEL=0.1,NV=0.8"),
        ({"prevalence": "XX=0.1"}, "Unknown class 'XX'"),
        ({"subgroups": "size"}, "Unknown column of the table of images 'size'"),
        ({"coverage": 90.0}, "not between 0 and 1"),
    ],
)
def test_wrong_options_are_refused(trained, phantoms, tmp_path, options, message):
    with pytest.raises(UserError, match=message):
        evaluate(trained / "model", phantoms, out=tmp_path / "out", device="cpu", **options)


def test_a_prevalence_is_read_from_text():
    assert prevalence_of(None) is None
    assert prevalence_of("MEL=0.1, NV=0.8") == {"MEL": 0.1, "NV": 0.8}
