"""What holds for every kind of source."""

import os
import subprocess
import sys

import pandas as pd
import pytest

from twinlens.data.dataset import open_dataset
from twinlens.data.table import SPLITS
from twinlens.importing.import_images import detect_kind, import_images
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


def test_every_source_is_recognised(kind, layout, capsys):
    assert detect_kind(layout) == kind
    assert f"read as '{kind}': " in capsys.readouterr().err


def test_every_source_is_imported_whole(kind, layout, tmp_path):
    dataset = import_images(layout, tmp_path / "out", size=16)
    assert len(dataset.table) == len(SOURCES[kind].read(layout, Options(size=16)).table) > 1
    assert dataset.record.skipped == 0
    unused = [note.kind for note in dataset.record.notes if note.unused]
    assert unused == {"csv": ["image"], "dicom": ["file"]}.get(kind, [])  # unnamed; DICOMDIR
    assert SOURCES[kind].title


EXTERNAL = """
from pathlib import Path
import pandas as pd
from twinlens.importing.source import Source, SourceKind

def read(source, options):
    columns = {"id": ["a", "b"], "label": ["x", "y"], "group": None, "split": None}
    return Source(pd.DataFrame(columns), [Path(source)] * 2)

SOURCE = SourceKind("a layout of another package", lambda source: False, read)
"""


def test_a_source_of_another_package_is_imported_by_its_name(tmp_path, draw):
    (tmp_path / "slides.py").write_text(EXTERNAL)
    info = tmp_path / "slides-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: slides\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[twinlens.sources]\nslides = slides:SOURCE\n")
    paths = [str(tmp_path), *sys.path]
    image = draw(tmp_path / "image.png")
    command = [sys.executable, "-m", "twinlens.cli", "import", str(image), "--kind", "slides"]
    subprocess.run(
        [*command, "--out", str(tmp_path / "out"), "--size", "8"],
        env=os.environ | {"PYTHONPATH": os.pathsep.join(paths)},
        check=True,
    )
    dataset = open_dataset(tmp_path / "out")
    assert dataset.record.sources[0].kind == "slides"
    assert dataset.classes == ["x", "y"]
