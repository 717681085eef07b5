"""What holds for every kind of source."""

import pandas as pd
import pytest

from twinlens.commands.data import KINDS
from twinlens.data.table import SPLITS
from twinlens.importing.import_images import import_images, recognise
from twinlens.importing.source import Options
from twinlens.importing.sources import SOURCES


@pytest.fixture(params=SOURCES)
def kind(request):
    return request.param


@pytest.fixture
def layout(kind, request):
    """The source that a fixture of this name in conftest.py made in the kind's real layout."""
    return str(request.getfixturevalue(f"{kind}_layout"))


def test_every_source_keeps_the_contract(kind, layout):
    source = SOURCES[kind].read(layout, Options(size=16))
    assert list(source.table.columns[:4]) == ["id", "label", "group", "split"]
    assert source.table.index.equals(pd.RangeIndex(len(source.items)))
    assert source.table["id"].is_unique
    assert set(source.table["split"].dropna()) <= set(SPLITS)
    if source.classes is not None:
        assert set(source.table["label"].dropna()) <= set(source.classes)
        assert set(source.class_info) <= set(source.classes)
    contents = [source.read(item) for item in source.items]
    assert contents == [source.read(item) for item in source.items]
    assert len(set(contents)) == len(contents)
    assert source.decode(contents[0]).mode == "RGB"


def test_every_source_is_recognised_and_said(kind, layout, capsys):
    assert recognise(layout) == kind
    assert f"read as '{kind}': " in capsys.readouterr().err


def test_every_source_is_imported_whole(kind, layout, tmp_path):
    dataset = import_images(layout, tmp_path / "out", size=16)
    assert len(dataset.table) == len(SOURCES[kind].read(layout, Options(size=16)).table) > 1
    assert dataset.record.skipped == 0
    assert SOURCES[kind].__doc__.strip()


def test_the_command_names_every_kind():
    assert sorted(KINDS) == sorted(SOURCES)
