import pandas as pd
import pytest

from twinlens.errors import UserError
from twinlens.importing.decode import decode
from twinlens.importing.merge import concatenate, given_groups, join, source_names
from twinlens.importing.source import Source
from twinlens.records.dataset import ClassInfo


def source_of(ids, *, read=str.encode, **given):
    """A source whose items are the ids."""
    columns = {name: given.pop(name, None) for name in ("label", "group", "split")}
    attributes = given.pop("attributes", {})
    table = pd.DataFrame({"id": list(ids), **columns, **attributes})
    return Source(table, list(ids), read, **given)


def test_tables_are_one_below_the_other_with_the_source_as_a_column(capsys):
    first = source_of("ab", label=["x", None], attributes={"age": [30, 40]})
    second = source_of("cd", split=["train", None], attributes={"site": ["s", "t"]})
    table = join({"one": first, "two": second}).table
    assert table["id"].tolist() == list("abcd")
    assert table["label"].tolist()[:1] == ["x"]
    assert table["label"].isna().tolist() == [False, True, True, True]
    assert table["split"].dropna().to_dict() == {2: "train"}
    assert table["source"].tolist() == ["one", "one", "two", "two"]
    assert table["age"].tolist()[:2] == [30, 40]
    assert table["site"].isna().tolist() == [True, True, False, False]
    assert table.index.equals(pd.RangeIndex(4))
    assert capsys.readouterr().err == ""


def test_a_source_of_its_own_name_is_kept():
    plain = source_of("a", attributes={"source": ["web"]})
    twice = source_of("b", attributes={"source": ["book"], "original_source": ["1990"]})
    table = join({"one": plain, "two": twice}).table
    assert table["source"].tolist() == ["one", "two"]
    assert table["original_source"].tolist() == ["web", "1990"]
    assert table["original_original_source"].tolist()[1:] == ["book"]


def test_equal_ids_get_a_prefix_and_equal_groups_are_one(capsys):
    first = source_of("ab", group=["lesion1", None])
    second = source_of("abc", group=[None, None, "lesion1"])
    table = join({"one": first, "two": second}).table
    assert table["id"].tolist() == ["a", "b", "two/a", "two/b", "c"]
    assert table["group"].tolist() == ["lesion1", "b", "two/a", "two/b", "lesion1"]
    printed = capsys.readouterr().err
    assert "Ids of 'two' that an earlier source has too: 2; here they are two/ID." in printed
    assert "Groups with images of several sources, which every split keeps whole: 1." in printed


def test_equal_ids_alone_unite_nothing(capsys):
    plain = source_of(["0", "1"], group=["0", "1"])
    groups = join({"one": plain, "two": plain, "three": source_of(["0"])}).table["group"]
    assert groups.tolist() == ["0", "1", "two/0", "two/1", "three/0"]
    assert "Groups" not in capsys.readouterr().err


def test_an_id_that_another_source_calls_a_group_stays_alone():
    first = source_of("ab", group=["c", "c"])
    second = source_of("cde", group=[None, "d", "d"])
    groups = join({"one": first, "two": second}).table["group"]
    assert groups.tolist() == ["c", "c", "two/c", "d", "d"]


def test_one_class_of_two_titles_is_refused():
    titles = ["adipose", "melanoma"]
    sources = {name: source_of(name, class_info={"0": ClassInfo(title=name)}) for name in titles}
    with pytest.raises(UserError, match="'0' is 'adipose' in one source and 'melanoma' in another"):
        join(sources)


def test_a_group_named_like_one_of_its_images_stays_whole():
    first = source_of("ab", group=["a", "a"])
    second = source_of("ac", group=["lesion", "lesion"])
    groups = join({"one": first, "two": second}).table["group"]
    assert groups.tolist() == ["a", "a", "lesion", "lesion"]


def test_a_group_that_is_the_id_alone_is_not_given():
    table = pd.DataFrame({"id": list("abcd"), "group": ["a", "c", "c", None]})
    assert given_groups(table).isna().tolist() == [True, False, False, True]


def test_classes_come_in_order_given_ones_first():
    first = source_of("ab", label=["z", "y"])
    second = source_of("cd", label=["y", "x"], classes=["x", "y", "w"])
    assert join({"one": first, "two": second}).classes == ["x", "y", "w", "z"]


def test_the_first_word_on_a_class_counts():
    first = source_of(
        "a", classes=["x"], class_info={"x": ClassInfo(colour="#000000")}, notice="Drawn."
    )
    info = {"x": ClassInfo(colour="#ffffff", group="benign"), "y": ClassInfo(title="why")}
    second = source_of("b", classes=["x", "y"], class_info=info, notice="Drawn.")
    third = source_of("c", notice="Not for use.")
    gather = join({"one": first, "two": second, "three": third})
    assert gather.class_info == {
        "x": ClassInfo(colour="#000000", group="benign"), "y": ClassInfo(title="why"),
    }  # fmt: skip
    assert gather.notice == "Drawn. Not for use."


@pytest.mark.parametrize(
    ("licences", "merged"),
    [
        (["", ""], ""),
        (["CC0", "CC0"], "CC0"),
        (["CC0", "", "CC BY 4.0"], "CC0; unknown; CC BY 4.0"),
    ],
)
def test_licences_are_named_once_and_unknown_ones_too(licences, merged):
    sources = {str(n): source_of("ab"[n % 2], licence=name) for n, name in enumerate(licences)}
    assert join(sources).licence == merged


def test_each_image_is_read_and_decoded_by_its_own_source(tmp_path, draw):
    path = draw(tmp_path / "a.png", 1)
    drawn = source_of(
        "b", read=lambda item: item.encode(), decode=lambda content, **_: content.decode()
    )
    filed = Source(drawn.table, [path], skipped=[("gone.png", "no such file")])
    gather = join({"filed": filed, "drawn": drawn})
    first, second = (gather.decode(gather.read(item)) for item in gather.items)
    assert first.tobytes() == decode(path.read_bytes()).tobytes()
    assert second == "b"
    assert gather.skipped == [("gone.png", "no such file")]


def test_names_are_the_last_part_and_unique(tmp_path):
    for folder in ("x/site.v1", "y/site.v1"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "site.csv").write_text("image\n")
    paths = [str(tmp_path / name) for name in ("x/site.v1", "y/site.v1", "site.csv", "y/site.v1")]
    names = source_names([*paths, "phantom:20"], taken=["site"])
    assert names == ["site.v1", "site.v1-2", "site-2", "site.v1-3", "phantom:20"]


@pytest.mark.parametrize(
    ("one", "two", "expected"),
    [
        ([1, 2], [0.5], [1.0, 2.0, 0.5]),
        ([1, 2], ["left"], ["1", "2", "left"]),
        ([True, False], ["no"], ["True", "False", "no"]),
        ([None, None], ["x"], [None, None, "x"]),
        ([1, 2], [None], [1.0, 2.0, None]),
        ([True, False], [None], [True, False, None]),
    ],
)
def test_columns_of_different_kinds_can_be_stored(one, two, expected, tmp_path):
    tables = [pd.DataFrame({"id": list("ab"), "x": one}), pd.DataFrame({"id": ["c"], "x": two})]
    concatenate(tables).to_parquet(tmp_path / "t.parquet")
    found = pd.read_parquet(tmp_path / "t.parquet")["x"]
    assert found.astype(object).where(found.notna(), None).tolist() == expected
