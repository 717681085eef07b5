"""A data set with a file of suggestions, and a process that serves the page."""

import os
import re
import subprocess
import sys
from contextlib import contextmanager

import pandas as pd
import pytest

from twinlens.data.dataset import open_dataset
from twinlens.importing.import_images import import_images
from twinlens.suggesting.suggestions_file import write_table


@pytest.fixture
def data(tmp_path, draw):
    """Eight images of 16 pixels: two with a label, six with a file and none."""
    for number in range(8):
        draw(tmp_path / f"photos/{number}.png", number, (40, 30))
    table = pd.DataFrame({"image": [f"photos/{n}.png" for n in range(8)], "label": None})
    table.loc[:1, "label"] = ["nevus", "melanoma"]
    table.to_csv(tmp_path / "table.csv", index=False)
    import_images(tmp_path / "table.csv", tmp_path / "data", size=16, workers=1)
    return open_dataset(tmp_path / "data")


@pytest.fixture
def suggestions(data, tmp_path):
    """A file that suggests images 7, 2, 5 and 3, the last without a file."""
    path = tmp_path / "suggestions.csv"
    ids = [f"photos/{n}.png" for n in (7, 2, 5, 3)]
    files = [*(str(tmp_path / name) for name in ids[:3]), None]
    table = {"rank": range(1, 5), "id": ids, "file": files, "predicted": "nevus"}
    write_table(path, pd.DataFrame({**table, "probability": 0.75}))
    return path


@pytest.fixture
def serving(data, suggestions, tmp_path):
    """A context in which a process serves the page: itself, and its address."""

    @contextmanager
    def run(*options):
        words = ["label", suggestions, data.path, "--out", tmp_path / "labels.sqlite", *options]
        command = [sys.executable, "-m", "twinlens.cli", *map(str, words)]
        environment = os.environ | {"PYTHONUNBUFFERED": "1"}
        process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=environment)
        try:
            found = re.search(r"http://127\.0\.0\.1:\d+/\?token=\S+", process.stderr.readline())
            yield process, found[0]
        finally:
            process.kill()
            process.stderr.close()
            process.wait()

    return run
