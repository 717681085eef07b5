import shutil
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from twinlens.errors import UserError
from twinlens.evaluation.by_column import divided
from twinlens.evaluation.evaluate import evaluate
from twinlens.evaluation.test_set import open_model, open_test_set


@pytest.mark.parametrize("column", ["skin_tone", "ruler"])
def test_the_parts_are_those_of_the_column_the_most_frequent_first(
    trained, phantoms, tmp_path, column
):
    out = tmp_path / "out"
    found = evaluate(trained, phantoms, by=column, out=out, device="cpu")
    whole = evaluate(trained, phantoms, device="cpu").data[0]
    table = pd.read_parquet(phantoms / "images.parquet").set_index("id")
    stored = pd.read_parquet(trained / "predictions.parquet")
    test = stored[stored["split"] == "test"].set_index("id")
    named = table[column].astype(str).replace({"True": "yes", "False": "no"})
    values = named.loc[test.index]
    counts = values.value_counts()
    assert [part.by_image.n for part in found.data] == counts.tolist()
    assert len(found.drops) == (len(counts) - 1) * len(whole.by_image.metrics)
    right = test.filter(like="p_").idxmax(axis=1).str.removeprefix("p_") == test["label"]
    for part in found.data:
        accuracy = part.by_image.metrics["accuracy"].value
        assert accuracy == pytest.approx(right[values == part.name].mean())
        assert part.calibration.temperature == whole.calibration.temperature
    written = pd.read_parquet(out / "predictions.parquet")
    assert (written["split"] == "val").sum() == (stored["split"] == "val").sum()
    of_parts = written[written["split"] == "test"].set_index("id")["dataset"]
    np.testing.assert_array_equal(of_parts.sort_index(), values.sort_index())


def test_a_column_that_divides_nothing_is_refused(trained, phantoms):
    with pytest.raises(UserError, match="Unknown column of the table of images 'sauce'"):
        evaluate(trained, phantoms, by="sauce", device="cpu")
    whole = open_test_set(open_model(trained), phantoms, None, "test", {})
    without = whole.rows[~whole.data.table["ruler"].to_numpy()[whole.rows]]
    with pytest.raises(UserError, match=r"--by ruler does not divide .*: all images have the same"):
        divided(replace(whole, rows=without), "ruler")


def test_several_data_sets_are_not_divided(trained, phantoms, tmp_path):
    again = shutil.copytree(phantoms, tmp_path / "again")
    with pytest.raises(UserError, match="--by divides the images of one data set"):
        evaluate(trained, (phantoms, again), by="ruler", device="cpu")
