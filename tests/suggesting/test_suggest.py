import math

import numpy as np
import pandas as pd
import pytest

from twinlens.errors import UserError
from twinlens.requests.suggest import SuggestRequest
from twinlens.suggesting import METHODS
from twinlens.suggesting import suggest as module
from twinlens.suggesting.embedding import Embedding
from twinlens.suggesting.suggest import choose, suggest

LABELS = ["nevus", "melanoma", *[None] * 10]
GROUPS = ["a", "b", "a", *"ccdefghij"]


@pytest.fixture
def data(tmp_path, dataset_of):
    return dataset_of(tmp_path / "data", LABELS, GROUPS)


def embedding(*, model):
    random = np.random.default_rng(0)
    p = random.dirichlet([1, 1], 12) if model else None
    return Embedding(random.normal(size=(12, 4)), p, ("melanoma", "nevus"))


@pytest.mark.parametrize("method", METHODS)
def test_groups_without_a_label_are_suggested_once_each(data, method):
    request = SuggestRequest("model", data.path, method=method, count=50)
    table = choose(data, embedding(model=True), request)
    assert sorted(table["group"]) == [*"cdefghij"]
    assert table["rank"].tolist() == [*range(1, 9)]
    assert table["file"].isna().all()
    assert table["predicted"].isin(["melanoma", "nevus"]).all()
    assert table["why"].str.len().min() > 10
    assert choose(data, embedding(model=True), request).equals(table)


def test_columns_and_the_method_that_auto_stands_for(data):
    request = SuggestRequest("model", data.path, count=3)
    cold = choose(data, embedding(model=False), request)
    warm = choose(data, embedding(model=True), request)
    assert [*cold] == ["rank", "id", "file", "group", "typicality", "why"]
    assert [*warm] == [*[*cold][:4], "predicted", "probability", "uncertainty", "why"]
    assert np.allclose(warm["uncertainty"], 2 - 2 * warm["probability"])  # of two classes


def test_files_are_named_where_they_are_known(class_folder, tmp_path, monkeypatch):
    from twinlens.importing.import_images import import_images

    table = class_folder.parent / "table.csv"
    ids = [f"images/{name}/{n}.png" for n in range(6) for name in [["melanoma", "nevus"][n % 2]]]
    pd.DataFrame({"image": ids, "label": ["x", *[None] * 5]}).to_csv(table, index=False)
    data = import_images(table, tmp_path / "data", kind="csv", size=16, workers=1)
    found = Embedding(np.random.default_rng(0).normal(size=(6, 3)))
    monkeypatch.setattr(module, "embed_data_set", lambda *_: found)
    out = tmp_path / "s.csv"
    returned = suggest("encoder", data.path, out=out, count=9)
    written = pd.read_csv(out)
    assert written["file"].tolist() == [str(tmp_path / name) for name in written["id"]]
    assert written["id"].tolist() == returned["id"].tolist()
    assert math.isclose(written["typicality"][0], returned["typicality"][0], abs_tol=1e-4)
    with pytest.raises(UserError, match="exists already"):
        suggest("encoder", data.path, out=out)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"count": 0}, "--count 0 must be 1 or more"),
        ({"method": "uncertain"}, "Did you mean 'uncertain_clusters'"),
        ({"method": "uncertain_clusters"}, "needs a trained model"),
    ],
)
def test_what_cannot_be_asked_for(data, tmp_path, monkeypatch, options, message):
    monkeypatch.setattr(module, "embed_data_set", lambda *_: embedding(model=False))
    with pytest.raises(UserError, match=message):
        suggest("encoder", data.path, out=tmp_path / "s.csv", **options)
    assert not (tmp_path / "s.csv").exists()


def test_a_labelled_data_set_is_refused_before_anything_is_computed(tmp_path, dataset_of):
    data = dataset_of(tmp_path / "full", ["nevus", None, "melanoma"], ["a", "a", "b"])
    with pytest.raises(UserError, match="nothing left to label"):
        suggest("nowhere", data.path, out=tmp_path / "s.csv")
