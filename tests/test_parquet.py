import pandas as pd
import pytest

from twinlens.errors import UserError
from twinlens.parquet import read_table, write_table

TABLE = pd.DataFrame({"id": ["a", "b"], "label": [None, "x"]})


def test_a_table_comes_back_without_its_index(tmp_path):
    write_table(tmp_path / "t.parquet", TABLE.set_index(pd.Index([5, 7])))
    pd.testing.assert_frame_equal(read_table(tmp_path / "t.parquet", ("id", "label")), TABLE)
    assert [path.name for path in tmp_path.iterdir()] == ["t.parquet"]


@pytest.mark.parametrize("content", [b"", b"PAR1", b"PAR1" + bytes(100) + b"PAR1"])
def test_damage_is_a_sentence_that_says_what_to_do(tmp_path, content):
    path = tmp_path / "t.parquet"
    with pytest.raises(UserError, match=r"t\.parquet is missing: make it again"):
        read_table(path)
    path.write_bytes(content)
    with pytest.raises(UserError, match=r"t\.parquet is damaged \(.*\): train again\."):
        read_table(path, mend="train again")


def test_text_that_is_none_is_damage(tmp_path):
    path = tmp_path / "t.parquet"
    TABLE.assign(id=["first", "second"]).to_parquet(path, compression=None)
    path.write_bytes(path.read_bytes().replace(b"first", b"fir\x80t"))
    with pytest.raises(UserError, match=r"t\.parquet is damaged \(.*UTF8.*\): make it again"):
        read_table(path)


@pytest.mark.parametrize("ids", [["a", None], [1, 2]])
def test_a_name_that_is_no_text_is_damage(tmp_path, ids):
    write_table(tmp_path / "t.parquet", TABLE.assign(id=ids))
    assert len(read_table(tmp_path / "t.parquet", ("id", "label"))) == 2
    with pytest.raises(UserError, match="'id' is not text in every row"):
        read_table(tmp_path / "t.parquet", ("id", "label"), names=("id",))


def test_a_column_that_it_lacks_is_damage(tmp_path):
    write_table(tmp_path / "t.parquet", TABLE)
    with pytest.raises(UserError, match=r"is damaged .*no one column 'split'.*: train again"):
        read_table(tmp_path / "t.parquet", ("id", "split"), mend="train again")
