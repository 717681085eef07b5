import numpy as np
import pytest

from twinlens.data.dataset import open_dataset
from twinlens.data.splits import open_split
from twinlens.errors import UserError
from twinlens.evaluation.test_set import ALL, open_model, open_test_set
from twinlens.inference.predictions_table import predictions_table


def test_a_run_brings_its_stored_predictions_unless_other_views_are_asked_for(trained, tmp_path):
    for folder in (trained, trained / "model"):
        assert open_model(folder).stored is not None
        assert open_model(folder, recompute=True).stored is None
        assert open_model(folder, 2).info.test_time.views == 2
        assert open_model(folder, 2).stored is None
    with pytest.raises(UserError, match="--tta 0 must be 1 or more"):
        open_model(trained, 0)
    with pytest.raises(UserError, match="not a model bundle"):
        open_model(tmp_path)


def test_the_part_of_a_split_is_taken_and_others_are_there(trained, phantoms):
    model, split = open_model(trained), open_split(open_dataset(phantoms))
    found = open_test_set(model, phantoms, None, "test", {})
    np.testing.assert_array_equal(found.rows, split.rows["test"])
    np.testing.assert_array_equal(found.part_of("val"), split.rows["val"])
    assert (found.internal, found.part, found.class_map) == (True, "test", {})
    assert found.notes(32) == []
    assert open_test_set(model, phantoms, None, "test", {"NV": None}).class_map == {}


def test_of_an_outside_data_set_all_labelled_images_that_the_model_knows_count(
    trained, dataset_of, tmp_path
):
    labels = ["naevus", "MEL", None, "wart", "MEL"]
    outside = dataset_of(tmp_path / "outside", labels).path
    class_map = {"naevus": "NV", "wart": None, "rare": "DF"}
    model = open_model(trained)
    found = open_test_set(model, outside, None, "test", class_map)
    assert found.rows.tolist() == [0, 1, 4]
    assert (found.internal, found.part, found.left_out) == (False, ALL, 1)
    assert found.class_map == {"naevus": "NV", "wart": None}
    assert len(found.part_of("val")) == 0
    table = predictions_table(found.data, found.rows, ALL, np.eye(8)[[0, 1, 2]], model.info.classes)
    assert table["label"].tolist() == ["NV", "MEL", "MEL"]
    no_split, mapped, left_out, resized = found.notes(32)
    assert "has no split: all 3 labelled images count" in no_split
    assert "naevus to NV, wart to nothing" in mapped
    assert left_out.endswith("as the model lacks their class: 1.")
    assert "have 1 pixels: they are resized to the 32" in resized
    with pytest.raises(UserError, match=r"\(naevus, wart\); it knows .* --class-map FILE"):
        open_test_set(model, outside, None, "test", {})
    with pytest.raises(UserError, match=r"does not know \(none at all\)"):
        open_test_set(model, outside, None, "test", {"naevus": None, "wart": None, "MEL": None})
