import numpy as np
import pandas as pd
import pytest

from twinlens.errors import UserError
from twinlens.inference.predictions_file import check_new, write_predictions

TABLE = pd.DataFrame(
    {
        "file": ["a.png", "ü, b.png", "c.png"],
        "predicted": ["MEL", None, "NV"],
        "p_MEL": [0.1234567890123, np.nan, 0.25],
        "p_NV": [0.8765432109877, np.nan, 0.75],
        "set": [["MEL", "NV"], None, []],
        "unlike_training": [True, None, False],
        "distance": [0.25, np.nan, 0.5],
        "error": [None, "empty file", None],
    }
)
READERS = {
    "csv": pd.read_csv,
    "jsonl": lambda path: pd.read_json(path, lines=True, precise_float=True),
    "parquet": pd.read_parquet,
}


@pytest.mark.parametrize("parts", [[TABLE], [TABLE[:1], TABLE[1:2], TABLE[2:]]])
@pytest.mark.parametrize("suffix", READERS)
def test_parts_become_one_table(tmp_path, suffix, parts):
    path = tmp_path / f"predictions.{suffix}"
    assert write_predictions(path, iter(parts)) == (3, 1)
    found, expected = READERS[suffix](path), TABLE
    if suffix == "csv":
        expected = TABLE.assign(set=["MEL;NV", None, None])
    if suffix == "parquet":
        found["set"] = found["set"].map(list, na_action="ignore")
    found = found.astype(expected.dtypes).replace({np.nan: None})
    pd.testing.assert_frame_equal(found, expected.replace({np.nan: None}), rtol=1e-12)


def test_names_are_no_formulas_in_csv(tmp_path):
    path = tmp_path / "predictions.csv"
    write_predictions(path, [TABLE.assign(file=["=1+1.png", "-2.png", "-2"])])
    assert pd.read_csv(path, dtype=str)["file"].tolist() == ["'=1+1.png", "'-2.png", "-2"]


def test_an_error_in_the_middle_leaves_nothing(tmp_path):
    def parts():
        yield TABLE
        raise UserError("broken")

    for suffix in READERS:
        with pytest.raises(UserError, match="broken"):
            write_predictions(tmp_path / f"predictions.{suffix}", parts())
    assert not list(tmp_path.iterdir())


def test_another_suffix_is_refused(tmp_path):
    with pytest.raises(UserError, match=r"must end in \.csv, \.jsonl, \.parquet"):
        write_predictions(tmp_path / "predictions.xls", [TABLE])


def test_a_file_that_is_there_is_kept_unless_it_may_go(tmp_path):
    (tmp_path / "a.csv").touch()
    check_new(tmp_path / "a.csv", overwrite=True)
    with pytest.raises(UserError, match="exists already: choose another file, or pass --overwrite"):
        check_new(tmp_path / "a.csv", overwrite=False)
