"""Folders that are whole, to be damaged."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest


@pytest.fixture
def data(phantoms: Path, tmp_path: Path) -> Path:
    """A copy of the synthetic data set."""
    return Path(shutil.copytree(phantoms, tmp_path / "data"))


@pytest.fixture
def levels() -> Callable[..., dict[str, str]]:
    """A function from findings to their texts by level, the last of each."""

    def by_level(findings):
        return {str(finding.level): str(finding) for finding in findings}

    return by_level
