import hashlib

import pandas as pd
import pytest

from twinlens.data.table import arrange, map_splits, split_of, table_digest
from twinlens.errors import UserError


def table(**columns):
    return pd.DataFrame({"id": ["a", "b"], "label": ["x", None], "group": ["g", None], **columns})


def test_arrange_fills_groups_orders_columns_and_numbers_rows():
    given = table(age=[30, 40])[["age", "group", "label", "id"]].set_axis([7, 9])
    result = arrange(given)
    assert list(result.columns) == ["id", "label", "group", "age"]
    assert result["group"].tolist() == ["g", "b"]
    assert result.index.tolist() == [0, 1]
    assert result["label"].isna().tolist() == [False, True]


def test_arrange_refuses_equal_ids():
    with pytest.raises(UserError, match="id 'a' is not unique"):
        arrange(table().assign(id="a"))


def test_numbers_too_large_for_a_column_become_text(tmp_path):
    """An accession number that nobody uses must not stop an import."""
    numbers = [10**21, None]
    result = arrange(table(accession=pd.Series(numbers, dtype=object), age=[30, 40]))
    assert result["accession"].tolist()[0] == str(10**21)
    assert result["age"].tolist() == [30, 40]
    result.to_parquet(tmp_path / "t.parquet")


@pytest.mark.parametrize(
    ("name", "split"),
    [
        *((name, "train") for name in ("train", "Training", "TRAIN_set", "train-images")),
        *((name, "val") for name in ("val", "Valid", "validation", "dev")),
        *((name, "test") for name in ("TEST", "Testing", "holdout", "hold-out")),
        *((name, "unlabelled") for name in ("unlabelled", "Unlabeled", "Unlabeled Data")),
        *((name, None) for name in ("trains", "data", "set", "train_512", "invalid", "2", "")),
    ],
)
def test_common_spellings_of_splits_are_known(name, split):
    assert split_of(name) == split


def test_splits_are_mapped_and_blanks_stay_missing():
    mapped = map_splits(pd.Series(["pool", "Training", None]), {"pool": "unlabelled"})
    assert mapped[:2].tolist() == ["unlabelled", "train"]
    assert mapped.isna().tolist() == [False, False, True]


def test_a_column_without_any_split_passes():
    assert map_splits(pd.Series([None, None], dtype=object), {}).isna().all()


def test_unknown_split_names_are_listed_with_the_remedy():
    with pytest.raises(UserError, match=r"'pool', 'future'.*--split-map pool=unlabelled"):
        map_splits(pd.Series(["pool", "train", "future", "pool"]), {})


def test_a_map_to_an_unknown_split_is_refused():
    with pytest.raises(UserError, match=r"Unknown split in --split-map 'unlabeled'.*'unlabelled'"):
        map_splits(pd.Series(["pool"]), {"pool": "unlabeled"})


def test_the_digest_follows_the_content_and_survives_storage(tmp_path):
    given = table(age=[30.5, None])
    given.to_parquet(tmp_path / "t.parquet")
    assert table_digest(given) == table_digest(pd.read_parquet(tmp_path / "t.parquet"))
    assert table_digest(given) != table_digest(given.assign(label="x"))
    assert table_digest(given) != table_digest(given[::-1])


def test_the_digest_is_that_of_the_table_as_csv():
    """Of any length: the text is made piece by piece."""
    numbers = range(30_000)
    given = pd.DataFrame(
        {
            "id": [f'naïve "{number}",\n' for number in numbers],
            "seen": pd.to_datetime("2020-01-01") + pd.to_timedelta(numbers, unit="h"),
            "age": [number / 7 for number in numbers],
        }
    )
    text = given.to_csv(index=False, lineterminator="\n")
    assert table_digest(given) == hashlib.sha256(text.encode()).hexdigest()
