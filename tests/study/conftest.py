import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))  # for synthetic


@pytest.fixture(scope="session")
def two_arms():
    """The settings of a study, all but its data, whose runs take seconds."""
    return {
        "encoder": "resnet18_quarter",
        "precision": "fp32",
        "seeds": 2,
        "pretrain": {
            "epochs": 1,
            "batch_size": 32,
            "projector": [8],
            "lr": 1e-3,
            "monitor_points": 0,
        },
        "train": {"tuning": "linear_probe", "tta": 1},
        "arms": {"plain": {}, "twins": {"pretrain": {}}},
    }
