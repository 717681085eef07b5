import pandas as pd
import pytest

from twinlens.data.groups import LINKS, groups_of, merge_groups
from twinlens.errors import UserError


def table_of(groups):
    return pd.DataFrame({"id": [f"i{n}" for n in range(len(groups))], "group": groups})


def links_of(*pairs):
    return pd.DataFrame(pairs, columns=["a", "b"], dtype="str")


def test_links_unite_groups_also_through_others_under_the_first_name():
    table = table_of(["d", "c", "b", "a", "d", "e"])
    gather = merge_groups(table, links_of(("i0", "i1"), ("i2", "i1")))
    assert gather.tolist() == ["b", "b", "b", "a", "b", "e"]


def test_links_within_a_group_or_to_strangers_change_nothing():
    table = table_of(["b", "b", "a"])
    assert merge_groups(table, links_of(("i0", "i1"), ("i2", "gone"))).tolist() == ["b", "b", "a"]
    assert merge_groups(table, links_of()).tolist() == ["b", "b", "a"]


def test_the_links_of_an_audit_are_read_where_there_are_any(tmp_path, dataset_of):
    dataset = dataset_of(tmp_path / "data", ["x"] * 3, ["p", "q", "r"])
    assert groups_of(dataset).tolist() == ["p", "q", "r"]
    path = dataset.path / LINKS
    path.parent.mkdir()
    links_of(("image00002", "image00001")).assign(score=1.0).to_parquet(path)
    assert groups_of(dataset).tolist() == ["p", "q", "q"]
    path.write_bytes(b"no table")
    with pytest.raises(UserError, match="run 'twinlens audit' again"):
        groups_of(dataset)
