"""For each kind of source a small example in its real layout: a fixture KIND_layout."""

from collections.abc import Callable
from pathlib import Path

import pytest


@pytest.fixture
def folder_layout(class_folder: Path) -> Path:
    return class_folder


@pytest.fixture
def unlabelled_layout(tmp_path: Path, draw: Callable[..., Path]) -> Path:
    for number in range(3):
        draw(tmp_path / "images" / f"{number}.png", number)
    return tmp_path / "images"


@pytest.fixture
def csv_layout(class_folder: Path) -> Path:
    (class_folder / "labels.csv").write_text("image,label,split\n0,MEL,train\n1,NV,\n")
    return class_folder


@pytest.fixture
def phantom_layout() -> str:
    return "phantom:12"
