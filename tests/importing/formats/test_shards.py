"""The cells come out right in any order, from several threads, and few are held at a time."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from twinlens.errors import UserError
from twinlens.importing.formats import shards
from twinlens.importing.pack import fingerprint
from twinlens.importing.source import Source


def cell(row):
    return row.to_bytes(4, "little") * 10


@pytest.fixture
def files(tmp_path):
    """Three files of 700, 0 and 300 rows, in row groups of 90."""
    paths, start = [], 0
    for number, rows in enumerate((700, 0, 300)):
        table = pa.table({"x": pa.array(map(cell, range(start, start + rows)), pa.binary())})
        pq.write_table(table, tmp_path / f"{number}.parquet", row_group_size=90)
        paths.append(tmp_path / f"{number}.parquet")
        start += rows
    return paths


@pytest.fixture
def opened(monkeypatch):
    """The row groups from which reading began."""
    begun = []
    read_from = shards.ShardedColumn._read_from
    monkeypatch.setattr(
        shards.ShardedColumn,
        "_read_from",
        lambda self, first: begun.append(first) or read_from(self, first),
    )
    return begun


@pytest.mark.parametrize("order", ["rising", "falling", "shuffled", "jumping"])
def test_cells_come_out_right_in_any_order(files, order):
    rows = {
        "rising": range(1000),
        "falling": range(999, -1, -7),
        "shuffled": np.random.default_rng(0).permutation(1000)[:100].tolist(),
        "jumping": [0, 999, 89, 90, 699, 700, 699, 0, 500],
    }[order]
    column = shards.ShardedColumn(files, "x")
    assert [column[row] for row in rows] == [cell(row) for row in rows]


def test_an_import_reads_each_file_once(files, opened):
    column = shards.ShardedColumn(files, "x")
    source = Source(pd.DataFrame({"id": range(1000)}), range(1000), column.__getitem__)
    alone = Source(source.table, range(1000), cell)
    assert fingerprint(source, 16) == fingerprint(alone, 16)
    assert opened == [0]


def test_many_threads_get_the_right_cells(files):
    column = shards.ShardedColumn(files, "x")
    rows = np.random.default_rng(0).permutation(1000)[:200].tolist()
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(column.__getitem__, rows)) == [cell(row) for row in rows]


def test_neighbours_stay_at_hand_and_a_jump_skips_row_groups(files, opened):
    column = shards.ShardedColumn(files, "x")
    assert opened == [0]
    for row in (40, 10, 60, 30):
        assert column[row] == cell(row)
    assert opened == [0]
    assert column[600] == cell(600)
    assert column[5] == cell(5)
    assert opened == [0, 6, 0]


def test_one_large_row_group_is_not_held(tmp_path):
    images = pa.array([bytes(100_000)] * 400 + [bytes([1]) * 100_000] * 400)
    pq.write_table(
        pa.table({"x": images}), tmp_path / "a.parquet", use_dictionary=False, data_page_size=10**6,
        compression="none", write_batch_size=16,
    )  # fmt: skip
    del images
    column = shards.ShardedColumn([tmp_path / "a.parquet"], "x")
    before, most = pa.total_allocated_bytes(), 0
    for row in range(800):
        assert column[row][0] == row // 400
        most = max(most, pa.total_allocated_bytes() - before)
    assert most < 30e6 + 200_000 * shards._KEPT < 2 * 80e6


@pytest.mark.parametrize("content", [b"", b"PAR1", b"PAR1" + bytes(100) + b"PAR1"])
def test_what_is_no_parquet_file_is_a_sentence(tmp_path, content):
    (tmp_path / "a.parquet").write_bytes(content)
    with pytest.raises(UserError, match=r"a\.parquet is no Parquet file, or a damaged one"):
        shards.read_schema(tmp_path / "a.parquet")
    with pytest.raises(UserError, match="damaged one"):
        shards.ShardedColumn([tmp_path / "a.parquet"], "x")


def test_names_of_columns_that_are_no_text_are_damage(tmp_path):
    path = tmp_path / "a.parquet"
    pq.write_table(pa.table({"image": ["x"]}), path, store_schema=False)
    path.write_bytes(path.read_bytes().replace(b"image", b"imag\x80"))
    with pytest.raises(UserError, match=r"a\.parquet is no Parquet file, or a damaged one"):
        shards.read_schema(path)


def test_damaged_pages_are_a_sentence_for_all_who_ask(files):
    content = files[0].read_bytes()
    files[0].write_bytes(
        content[:10] + bytes(len(content) // 2) + content[10 + len(content) // 2 :]
    )
    column = shards.ShardedColumn(files, "x")
    for row in (100, 100, 101):
        with pytest.raises(UserError, match=r"0\.parquet is no Parquet file, or a damaged one"):
            column[row]
    assert column[800] == cell(800)


def test_a_file_that_goes_away_meanwhile_is_a_sentence(files):
    column = shards.ShardedColumn(files, "x")
    files[2].unlink()
    assert column[699] == cell(699)
    with pytest.raises(UserError, match=r"2\.parquet is no Parquet file.*No such file"):
        column[700]


def test_cells_are_read_without_the_images(tmp_path):
    table = pa.table(
        {
            "image": [{"bytes": b"a", "path": "a.png"}, {"bytes": b"b", "path": None}, None],
            "age": [1, 2, None],
            "embedding": [[0.5], [], None],
            "thumbnail": [b"", None, b"x"],
        }
    )
    pq.write_table(table, tmp_path / "a.parquet")
    schema = shards.read_schema(tmp_path / "a.parquet")
    assert shards.read_cells(tmp_path / "a.parquet", schema, "image").to_pydict() == {
        "age": [1, 2, None],
        "image": ["a.png", None, None],
    }
    assert shards.read_cells(tmp_path / "a.parquet", schema, "thumbnail").to_pydict() == {
        "age": [1, 2, None],
        "thumbnail": [None] * 3,
    }


def test_text_that_is_no_utf_8_is_a_sentence(tmp_path):
    binary = pa.array([b"a", b"\xff"], pa.binary())
    text = pa.Array.from_buffers(pa.string(), 2, binary.buffers())
    pq.write_table(pa.table({"image": [b"", b""], "site": text}), tmp_path / "a.parquet")
    schema = shards.read_schema(tmp_path / "a.parquet")
    with pytest.raises(UserError, match="UTF8"):
        shards.read_cells(tmp_path / "a.parquet", schema, "image")
