"""A file of predictions for the ISIC challenge, with its truth, for tests of its scores."""

from pathlib import Path

import numpy as np
import pandas as pd

from twinlens.evaluation.isic_csv import write_isic_csv
from twinlens.evaluation.scoring import score_predictions

CLASSES = ["MEL", "NV", "BCC", "AKIEC", "BKL", "DF", "VASC"]


def write_submission(path: Path) -> tuple[pd.DataFrame, dict[str, float]]:
    """Write invented predictions; return the truth, as the challenge has it, and our metrics."""
    random = np.random.default_rng(0)
    labels = random.integers(0, 7, 300)
    p = random.dirichlet(np.ones(7), 300)
    p[np.arange(300), labels] += 0.2
    p = (p / p.sum(axis=1, keepdims=True)).astype(np.float32)
    names = [f"ISIC_{number:07}" for number in random.permutation(300)]
    table = pd.DataFrame({"id": [f"images/{name}.jpg" for name in names]})
    table = table.join(pd.DataFrame(p, columns=[f"p_{name}" for name in CLASSES]))
    write_isic_csv(path, table, CLASSES)
    truth = pd.DataFrame(np.eye(7)[labels], index=names, columns=CLASSES)[sorted(CLASSES)]
    return truth, score_predictions(labels, p, CLASSES).metrics
