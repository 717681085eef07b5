"""A small study folder with invented numbers, in the layout that `twinlens compare` writes."""

import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml
from PIL import Image

from stored_runs import ENVIRONMENT, configure, pretrain_run, train_run
from twinlens.evaluation.metrics import METRICS
from twinlens.evaluation.scoring import score_predictions
from twinlens.files import write_json
from twinlens.records.results import Difference, StudyResults, TestAccess
from twinlens.records.scores import PartScores, Scores
from twinlens.reporting.figures.figure_files import ReportFigure
from twinlens.seeds import generator
from twinlens.study.analysis.aggregate import summarise
from twinlens.study.analysis.comparisons import Comparisons
from twinlens.study.analysis.differences import compare_arms

sys.path.insert(0, str(Path(__file__).parent))  # for html_page, planned and watched

from planned import make_plan

CLASSES = {
    "MEL": ("melanoma", "#b22222", "malignant"),
    "NV": ("nevus", "#8b5a2b", "benign"),
    "BCC": ("basal cell carcinoma", "#e07b39", "malignant"),
    "BKL": ("benign keratosis", "#6b8e23", "benign"),
    "VASC": ("vascular lesion", "#9932cc", "benign"),
}


@pytest.fixture(autouse=True, scope="session")
def _no_figure_files() -> Iterator[None]:
    """Figures as files take most of a report's time; the tests of the files ask for them."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ReportFigure, "save", _empty_files)
        yield


def _empty_files(_: ReportFigure, path: Path) -> None:
    for suffix in (".svg", ".pdf"):
        path.with_name(path.name + suffix).touch()


@pytest.fixture(scope="session")
def build_study() -> Callable[..., Path]:
    return _build_study


def _build_study(
    folder: Path,
    *,
    arms: Sequence[str] = ("random", "random + Barlow Twins"),
    pretrained: Sequence[str] = ("random + Barlow Twins",),
    seeds: int = 3,
    label_fractions: Sequence[float] = (1.0,),
    classes: dict[str, tuple[str, str, str]] = CLASSES,
    absent: str | None = None,
    fallback: bool = False,
    data: dict[str, Any] | None = None,
    results: dict[str, Any] | None = None,
    pretraining: dict[str, Any] | None = None,
) -> Path:
    """Write a study; `data`, `results` and `pretraining` change parts of what is stored."""
    names = list(classes)
    about = _about_data(classes) | (data or {})
    for arm in pretrained:
        for seed in range(seeds):
            _pretraining_run(folder, list(arms).index(arm), seed, about, pretraining or {})
    scores = {}
    for number, arm in enumerate(arms):
        for label_fraction in label_fractions:
            for seed in range(seeds):
                found = _test_metrics(number, label_fraction, seed, names, absent)
                lr_finder = _lr_finder(seed, fallback=fallback and seed == 1)
                _training_run(folder, number, label_fraction, seed, about, found, lr_finder)
                scores[arm, label_fraction, seed] = found
    content = _results(arms, label_fractions, seeds, scores) | (results or {})
    StudyResults.model_validate(content).write(folder / "results.json")
    make_plan(arms, pretrained, label_fractions, seeds).write(folder / "plan.json")
    settings = {"title": "Do second views help?", "seeds": seeds, "arms": list(arms)}
    (folder / "study.yaml").write_text(yaml.safe_dump(settings, sort_keys=False))
    ENVIRONMENT.write(folder / "environment.json")
    return folder


def _about_data(classes: dict[str, tuple[str, str, str]]) -> dict[str, Any]:
    counts = {name: 40 + 30 * i for i, name in enumerate(classes)}
    return {
        "path": "data/phantom",
        "hash": "ab" * 32,
        "classes": list(classes),
        "class_info": {
            name: {"title": title, "colour": colour, "group": group}
            for name, (title, colour, group) in classes.items()
        },
        "counts": {
            "train": counts,
            "val": {name: n // 3 for name, n in counts.items()},
            "test": {name: n // 2 for name, n in counts.items()},
            "unlabelled": {"no label": 1500},
        },
        "split": "recommended",
        "split_hash": "cd" * 32,
        "size": 32,
    }


def _test_metrics(
    number: int, label_fraction: float, seed: int, names: list[str], absent: str | None
) -> PartScores:
    rng = generator(seed, "labels", str(label_fraction))
    labels = np.repeat(np.arange(len(names)), [20 + 15 * i for i in range(len(names))])
    if absent:
        labels = labels[labels != names.index(absent)]
    right = 0.42 + 0.03 * number + 0.12 * np.sqrt(label_fraction) + 0.02 * rng.standard_normal()
    guesses = rng.integers(0, len(names), len(labels))
    predicted = np.where(rng.random(len(labels)) < right, labels, guesses)
    return score_predictions(labels, np.eye(len(names))[predicted], names)


def _training_run(
    folder: Path,
    number: int,
    label_fraction: float,
    seed: int,
    about: dict[str, Any],
    metrics: PartScores,
    lr_finder: dict[str, Any],
) -> None:
    run = folder / "runs" / f"train-{number}-{label_fraction:g}-{seed}"
    run.mkdir(parents=True)
    rng = generator(seed, "losses", number)
    schedule = _one_cycle(300, lr_finder["suggestion"])
    head = pd.DataFrame({"phase": "head", "lr": 1e-3, "momentum": 0.9}, index=range(30))
    history = pd.concat([head, schedule], ignore_index=True)
    history["step"] = history.groupby("phase").cumcount()
    falling = 1.6 * np.exp(-np.arange(len(history)) / (60 + 60 / (1 + number))) + 0.3
    history["seconds"] = 0.2
    history["loss"] = falling + 0.1 * rng.random(len(history))
    history.to_parquet(run / "history.parquet")
    train_run(
        f"train-{number}",
        settings={"epochs": 10},
        seed=seed,
        label_fraction=label_fraction,
        data=about,
        seconds=61.5,
    ).write(run / "run.json")
    write_json(run / "lr_finder.json", lr_finder)
    Scores(parts={"test": metrics, "val": metrics}).write(run / "metrics.json")


def _pretraining_run(
    folder: Path, number: int, seed: int, about: dict[str, Any], config: dict[str, Any]
) -> None:
    run = folder / "runs" / f"pretrain-{number}-{seed}"
    run.mkdir(parents=True)
    rng = generator(seed, "pretraining")
    history = _one_cycle(400, 6e-4)
    warm = pd.DataFrame({"phase": "projector", "lr": 1e-3, "momentum": 0.9}, index=range(60))
    history = pd.concat([warm, history], ignore_index=True)
    history["step"] = history.groupby("phase").cumcount()
    at = np.arange(len(history))
    history["invariance"] = 300 * np.exp(-at / 90) + 20 + 5 * rng.random(len(at))
    history["redundancy"] = 90 * np.exp(-at / 200) + 25 + 3 * rng.random(len(at))
    history["loss"] = history["invariance"] + history["redundancy"]
    history["floor"] = 21.0
    history["seconds"] = 0.5
    history.to_parquet(run / "history.parquet")
    seen = config.get("images") == "all"
    pretrain_run(
        run.name, seed=seed, data=about, transductive=seen, verdict=[], seconds=240.0
    ).write(run / "run.json")
    configure(run, **config)
    write_json(run / "lr_finder.json", _lr_finder(seed, fallback=False))
    picture = generator(0, "views").integers(0, 255, (8, 16, 3)).astype(np.uint8)
    Image.fromarray(picture).resize((520, 260), Image.Resampling.NEAREST).save(run / "views.png")


def _one_cycle(steps: int, peak: float) -> pd.DataFrame:
    at = np.arange(steps) / steps
    up, down = np.minimum(at / 0.25, 1), np.clip((at - 0.25) / 0.75, 0, 1)
    rise, fall = (1 - np.cos(np.pi * up)) / 2, (1 - np.cos(np.pi * down)) / 2
    lr = np.where(at < 0.25, peak / 25 + (peak - peak / 25) * rise, peak * (1 - fall))
    momentum = 0.95 - 0.1 * np.where(at < 0.25, rise, 1 - fall)
    return pd.DataFrame({"phase": "one_cycle", "lr": lr, "momentum": momentum})


def _lr_finder(seed: int, *, fallback: bool) -> dict[str, Any]:
    lrs = np.geomspace(1e-7, 10, 100)
    position = np.log10(lrs) + 2.6 + 0.2 * seed
    smoothed = 2.1 - 0.7 / (1 + np.exp(-3 * position)) + 6 / (1 + np.exp(-4 * (position - 2)))
    raw = smoothed + 0.1 * generator(seed, "search").standard_normal(100)
    return {
        "lrs": lrs.tolist(),
        "losses": raw.tolist(),
        "smoothed": smoothed.tolist(),
        "suggestion": 1e-3 if fallback else float(10 ** (-2.4 - 0.2 * seed)),
        "how": "fallback" if fallback else "valley",
        "message": "the loss falls over 4 steps only, so the rate is 1e-3." if fallback else "",
    }


def _results(
    arms: Sequence[str],
    label_fractions: Sequence[float],
    seeds: int,
    scores: dict[tuple[str, float, int], PartScores],
) -> dict[str, Any]:
    tables = {
        (arm, b): pd.DataFrame([scores[arm, b, seed].metrics for seed in range(seeds)])
        for arm in arms
        for b in label_fractions
    }

    def compare(arm: str, b: float, metric: str) -> Difference:
        compared = Comparisons(tables, {}, None).compare((arm, b), (arms[0], b), metric)
        assert compared
        return compare_arms((arm, b, metric), compared, None, [])

    keys = [(arm, b, metric) for arm in arms for b in label_fractions for metric in METRICS]
    return {
        "title": "Do second views help?",
        "primary_metric": "balanced_accuracy",
        "min_effect": None,
        "reference": arms[0],
        "seeds": list(range(seeds)),
        "label_fractions": list(label_fractions),
        "metrics": list(METRICS),
        "arms": list(arms),
        "transductive": [],
        "test_access": [
            TestAccess(time="2025-05-02 14:03", by=f"train-{i}-1-0", images=250)
            for i in range(len(arms))
        ],
        "looks": [seeds],
        "failures": [],
        "summaries": [summarise(*key, tables[key[:2]][key[2]]) for key in keys],
        "differences": [compare(*key) for key in keys if key[0] != arms[0]],
        "label_efficiency": None,
        "advice": [],
        "best": None,
        "verdict": [
            f"Over {seeds} seeds, further pretraining raised balanced accuracy on the test images.",
            "The 95 % interval leaves open how much of it another test set would show.",
        ],
    }
