import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import average_precision_score, roc_auc_score

from twinlens.reporting.study.load_study import read_study
from twinlens.reporting.study.operating_curves import operating_curves, precision_recall, roc
from twinlens.seeds import generator

Build = Callable[..., Path]

CLASSES = ["MEL", "NV", "BCC", "BKL", "VASC"]


def _predictions(run: Path, labels: list[str]) -> pd.DataFrame:
    """Write predictions that know the label somewhat; the validation part knows nothing."""
    rng = generator(0, "predictions", run.name)
    logits = rng.standard_normal((len(labels), len(CLASSES)))
    logits[np.arange(len(labels)), [CLASSES.index(label) for label in labels]] += 1.5
    p = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    table = pd.DataFrame(p, columns=[f"p_{name}" for name in CLASSES])
    ids = [f"i{n}" for n in range(len(labels))]
    table = table.assign(id=ids, group=ids, label=labels, split="test")
    other = table.assign(split="val", label=labels[::-1])
    pd.concat([other, table]).to_parquet(run / "predictions.parquet")
    return table


def _study(folder: Path, build_study: Build, **how: object) -> Path:
    built = build_study(folder, pretrained=[], **how)
    labels = [CLASSES[n % 4] for n in range(120)] + ["VASC"]
    for run in (built / "runs").iterdir():
        _predictions(run, labels)
    return built


def test_areas_in_the_legend_are_those_of_scikit_learn(tmp_path: Path, build_study: Build) -> None:
    study = read_study(_study(tmp_path / "study", build_study, seeds=2))
    first = operating_curves(study)[0]
    run = study.representative("random")
    assert run
    table = pd.read_parquet(run.folder / "predictions.parquet").query("split == 'test'")
    for panel, score in zip(first.panels, (roc_auc_score, average_precision_score), strict=True):
        expected = {c: score(table["label"] == c, table[f"p_{c}"]) for c in CLASSES}
        shown = dict(text.rsplit(" ", 1) for _, text in panel.legend)
        assert shown == {c: f"{value:.2f}" for c, value in expected.items()}
        assert f"classes: {np.mean(list(expected.values())):.2f}." in panel.note
    assert f"Seed {run.seed}, accuracy " in first.words


def test_the_steps_drawn_enclose_the_average_precision() -> None:
    rng = generator(0, "steps")
    wanted = rng.random(300) < 0.3
    scores = wanted + rng.standard_normal(300)
    recall, precision = precision_recall(wanted, scores)
    area = -np.trapezoid(precision, recall)
    assert area == pytest.approx(average_precision_score(wanted, scores), abs=1e-12)
    assert np.trapezoid(*roc(wanted, scores)[::-1]) == pytest.approx(roc_auc_score(wanted, scores))


def test_a_class_without_test_images_is_named_and_has_no_curve(
    tmp_path: Path, build_study: Build
) -> None:
    folder = build_study(tmp_path / "study", pretrained=[], seeds=1, absent="BKL")
    for run in (folder / "runs").iterdir():
        _predictions(run, ["MEL", "NV", "BCC"] * 20)
    arm = operating_curves(read_study(folder))[0]
    assert "No test image of BKL and VASC." in arm.words
    assert [text.split()[0] for _, text in arm.panels[0].legend] == ["MEL", "NV", "BCC"]


def test_a_single_class_has_nothing_to_be_told_from(tmp_path: Path, build_study: Build) -> None:
    folder = build_study(tmp_path / "study", arms=["random"], pretrained=[], seeds=1)
    for run in (folder / "runs").iterdir():
        _predictions(run, ["NV"] * 20)
    (arm,) = operating_curves(read_study(folder))
    assert all(not panel.legend for panel in arm.panels)
    assert "Mean over the classes: –." in arm.panels[0].note


def test_reference_and_best_arm_come_first_and_arms_without_predictions_are_left_out(
    tmp_path: Path, build_study: Build
) -> None:
    folder = _study(tmp_path / "study", build_study, arms=["a", "b", "c", "d"], seeds=1)
    study = read_study(folder)
    assert study.best_other == "d"
    shutil.rmtree(folder / "runs" / "train-1-1-0")
    assert [arm.arm for arm in operating_curves(read_study(folder))] == ["a", "d", "c"]
    (folder / "runs" / "train-2-1-0" / "predictions.parquet").unlink()
    assert [arm.arm for arm in operating_curves(read_study(folder))] == ["a", "d"]
