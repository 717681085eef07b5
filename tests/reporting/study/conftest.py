from collections.abc import Callable
from pathlib import Path

import pytest
from judged import judge


@pytest.fixture
def study(tmp_path: Path, build_study: Callable[..., Path]) -> Path:
    """Return a study of two arms, seeds and label fractions, with advice and a selected model."""
    folder = build_study(tmp_path / "study", pretrained=[], seeds=2, label_fractions=(1.0, 0.1))
    judge(folder)
    return folder
