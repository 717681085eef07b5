import numpy as np
import pandas as pd
import pytest

from twinlens.inference.by_group import GroupMeans
from twinlens.inference.predict_files import predict, predict_in_parts
from twinlens.inference.prediction_sets import names_of, sets_of
from twinlens.models.ensemble import read_prediction_sets
from twinlens.requests.predict import PredictRequest

SIZES = {"one": 3, "two": 1, "broken": 1}


@pytest.fixture
def listed(draw, tmp_path):
    """A table of images of three lesions, and one image without any."""
    rows = [(f"{name}{n}.png", name) for n in range(3) for name in SIZES if n < SIZES[name]]
    for number, (file, name) in enumerate(rows):
        draw(tmp_path / file, number)
        if name == "broken" or file == "one2.png":
            (tmp_path / file).write_text("no image")
    draw(tmp_path / "alone.png", 9)
    table = pd.DataFrame([*rows, ("alone.png", None)], columns=["file", "lesion"])
    table.to_csv(tmp_path / "list.csv", index=False)
    return tmp_path / "list.csv"


def test_a_group_is_the_mean_of_its_readable_images(trained, listed):
    request = PredictRequest(trained / "model", listed, group="lesion", device="cpu", batch_size=2)
    groups = GroupMeans(request)
    table = pd.concat(groups.watch(predict_in_parts(request)), ignore_index=True)
    pd.testing.assert_frame_equal(table, predict.run(request))
    found, p = groups.table().set_index("group"), table.filter(like="p_")
    alone = str(listed.parent / "alone.png")
    assert found.index.tolist() == ["one", "two", "broken", alone]
    assert found["images"].tolist() == [2, 1, 0, 1]
    readable = (table["group"] == "one") & table["error"].isna()
    assert readable.sum() == 2
    mean = p[readable].mean()
    np.testing.assert_allclose(found.loc["one"].filter(like="p_").astype(float), mean)
    assert f"p_{found.loc['one', 'predicted']}" == mean.idxmax()
    thresholds = read_prediction_sets(trained / "model")
    classes = [name[2:] for name in p]
    expected = names_of(sets_of(thresholds, classes, mean.to_numpy()[None]), classes)
    assert found.loc["one", "set"] == expected[0]
    assert found.loc["one", "distance"] == table[readable]["distance"].max()
    assert found.loc["one", "unlike_training"] == table[readable]["unlike_training"].any()
    assert found.loc["broken", "error"] == "none of its images can be read"
    assert found.loc["broken"].drop(["images", "error"]).isna().all()
    assert found["error"].isna().tolist() == [True, True, False, True]


def test_a_model_without_index_and_sets_has_no_such_columns(small_ensemble, listed):
    request = PredictRequest(small_ensemble, listed, group="lesion", tta=1, device="cpu")
    groups = GroupMeans(request)
    [*groups.watch(predict_in_parts(request))]
    columns = ["group", "images", "predicted", "p_MEL", "p_NV", "p_BCC", "error"]
    assert groups.table().columns.tolist() == columns
