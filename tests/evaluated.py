"""An evaluation of invented predictions, for tests of what is stored and shown of one."""

from pathlib import Path

import numpy as np
import pandas as pd

from stored_runs import ENVIRONMENT
from twinlens.evaluation.data_set_evaluation import Measured, choose, measure
from twinlens.evaluation.probabilities.binary import positive_side
from twinlens.records.bundle import TestTimeAugmentation
from twinlens.records.dataset import ClassInfo
from twinlens.records.evaluation import (
    EVALUATION,
    DataSetEvaluation,
    Drop,
    EvaluationRecord,
)
from twinlens.requests.evaluate import EvaluateRequest
from twinlens.views.recipe import ViewRecipe

CLASSES = ["NV", "MEL", "BCC"]
INFO = {
    "NV": ClassInfo(title="melanocytic nevus", group="benign"),
    "MEL": ClassInfo(title="melanoma", group="malignant"),
    "BCC": ClassInfo(group="malignant"),
}


def predicted(
    images: int, *, seed: int = 0, part: str = "test", present: int = 3, sharpness: float = 2.0
) -> pd.DataFrame:
    """Return a table of predictions, two images of each group, better than chance."""
    random = np.random.default_rng(seed)
    groups = (images + 1) // 2
    labels = np.repeat(random.permutation(np.arange(groups) % present), 2)[:images]
    logits = random.standard_normal((images, len(CLASSES)))
    logits += np.repeat(random.standard_normal((groups, len(CLASSES))), 2, axis=0)[:images]
    logits[np.arange(images), labels] += 1
    p = np.exp(sharpness * logits)
    table = pd.DataFrame({
        "id": [f"{seed}-{number}" for number in range(images)],
        "label": np.array(CLASSES)[labels],
        "group": [f"lesion {number // 2}" for number in range(images)],
        "split": part,
    })  # fmt: skip
    columns = [f"p_{name}" for name in CLASSES]
    return table.join(pd.DataFrame(p / p.sum(axis=1, keepdims=True), columns=columns))


_EQUAL = {f"p_{name}": 1 / len(CLASSES) for name in CLASSES}
DEGENERATE = {
    "2 images": predicted(2),
    "2 groups": predicted(2, present=2).assign(group=["a", "b"]),
    "an absent class": predicted(40, present=2),
    "one class": predicted(40, present=1),
    "one group": predicted(40).assign(group="one"),
    "all equal": predicted(40).assign(**_EQUAL),
    "sure": predicted(40).assign(p_NV=1.0, p_MEL=0.0, p_BCC=0.0),
}
"""Predictions that leave much undefined."""


def store_evaluation(folder: Path) -> EvaluationRecord:
    """Write the evaluation of a model on two data sets, with validation images."""
    val = predicted(60, seed=1, part="val")
    tables = [predicted(80), predicted(50, seed=2, part="all", present=2, sharpness=1.0)]
    chooser = choose(val, CLASSES)
    positive = positive_side(None, CLASSES, INFO)
    found = [measure(table, CLASSES, positive, chooser, seed=i) for i, table in enumerate(tables)]
    names = ["derm", "outside"]
    differences = found[1].resampled.minus(found[0].resampled).estimates()
    metrics = found[0].by_image.metrics
    record = EvaluationRecord(
        request=EvaluateRequest("run/model", tuple(names), out=str(folder)),
        classes=CLASSES,
        class_info=INFO,
        test_time=[TestTimeAugmentation(views=3, clean=True, recipe=ViewRecipe(), seed=1)],
        environment=ENVIRONMENT,
        data=[
            _described(name, of, i) for i, (name, of) in enumerate(zip(names, found, strict=True))
        ],
        drops=[
            Drop(metric=metric, external="outside", difference=difference)
            for metric, difference in zip(metrics, differences, strict=False)
        ],
    )
    folder.mkdir(parents=True, exist_ok=True)
    record.write(folder / EVALUATION)
    tables = [table.assign(dataset=names[number]) for number, table in enumerate(tables)]
    stored = pd.concat([*tables, val.assign(dataset="derm")], ignore_index=True)
    stored.to_parquet(folder / "predictions.parquet")
    return record


def _described(name: str, found: Measured, number: int) -> DataSetEvaluation:
    outside = {"class_map": {"naevus": "NV", "wart": None}, "left_out": 7, "absent": ["BCC"]}
    return DataSetEvaluation(
        name=name,
        path=f"data/{name}",
        data_hash="ab" * 32,
        part=("test", "all")[number],
        internal=not number,
        stored=not number,
        size=32,
        by_image=found.by_image,
        by_group=found.by_group,
        binary=found.binary,
        calibration=found.calibration,
        notes=["Classes are mapped."] if number else [],
        **outside if number else {},
    )
