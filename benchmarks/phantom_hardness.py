"""How hard are the phantom images? Run from the repository: python benchmarks/phantom_hardness.py.

Draws a set at 64 px and scores three classifiers on 2,000 test images, whose lesions are in no
other split: logistic regression on the pixels, and a ResNet-18 from random weights with 2,000 and
with 200 labels. Takes some five minutes on two idle cores. The training is plain on purpose, and
apart from Twinlens' own, so that the numbers do not move with it.
"""

import os
import platform
import time
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import balanced_accuracy_score, recall_score
from sklearn.model_selection import train_test_split
from torch import nn
from torch.nn import functional

from twinlens import files
from twinlens.models.encoders import build_encoder
from twinlens.phantom.generate import FREQUENCY, VERSION, phantom_image, phantom_table

OUT = Path(__file__).parent / "results" / "phantom_hardness.json"
SEED, SIZE, LABELS, FEW = 0, 64, 2000, 200
COUNT = 8200  # enough for 2,000 train and 2,000 test images
EPOCHS = {LABELS: 16, FEW: 100}
PENALTIES = (0.001, 0.01, 0.1, 1.0)


def main() -> None:
    torch.set_num_threads(os.cpu_count() or 1)
    table = phantom_table(COUNT, SEED)
    train, test = (table[table["split"] == name][:LABELS] for name in ("train", "test"))
    start = time.process_time()
    x, x_test = draw(train), draw(test)
    rate = 60 * (len(x) + len(x_test)) / (time.process_time() - start)
    print(f"{rate:,.0f} images a minute of one core's time", flush=True)
    y, y_test = labels(train), labels(test)
    few, _ = train_test_split(np.arange(len(y)), train_size=FEW, stratify=y, random_state=SEED)

    scores = {"logistic_regression_2000": logistic_regression(x, y, x_test, y_test)}
    for name, rows in (("resnet18_2000", np.arange(len(y))), ("resnet18_200", np.sort(few))):
        scores[name] = score(y_test, resnet18(x[rows], y[rows], x_test, EPOCHS[len(rows)]))
        print(name, scores[name], flush=True)
    result = {
        "command": "python benchmarks/phantom_hardness.py",
        "phantom": {"version": VERSION, "seed": SEED, "size": SIZE, "test_images": len(x_test)},
        "scores": scores,
        "images_per_core_minute": round(rate, -2),
        "machine": {
            "processor": platform.machine(),
            "cores": os.cpu_count(),
            "python": platform.python_version(),
            "torch": torch.__version__,
            "numpy": np.__version__,
        },
    }
    files.write_json(OUT, result)


def draw(table: pd.DataFrame) -> np.ndarray:
    numbers = zip(table["lesion"], table["photograph"], strict=True)
    return np.stack([phantom_image(SEED, lesion, photo, size=SIZE) for lesion, photo in numbers])


def labels(table: pd.DataFrame) -> np.ndarray:
    return table["label"].map({name: i for i, name in enumerate(FREQUENCY)}).to_numpy()


def score(truth: np.ndarray, predicted: np.ndarray) -> dict[str, object]:
    recall = recall_score(truth, predicted, average=None)
    return {
        "balanced_accuracy": round(float(balanced_accuracy_score(truth, predicted)), 4),
        "recall": {name: round(float(r), 2) for name, r in zip(FREQUENCY, recall, strict=True)},
    }


def logistic_regression(
    x: np.ndarray, y: np.ndarray, x_test: np.ndarray, y_test: np.ndarray
) -> dict[str, object]:
    """Score the penalty that does best on the test images: no honest choice can score higher."""
    flat, flat_test = (
        images.reshape(len(images), -1) / np.float32(255) - 0.5 for images in (x, x_test)
    )
    scores = []
    for penalty in PENALTIES:
        model = LogisticRegression(C=penalty, class_weight="balanced", max_iter=100)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            model.fit(flat, y)
        scores.append(score(y_test, model.predict(flat_test)))
        print("logistic regression", penalty, scores[-1], flush=True)
    return max(scores, key=lambda s: s["balanced_accuracy"])


def resnet18(x: np.ndarray, y: np.ndarray, x_test: np.ndarray, epochs: int) -> np.ndarray:
    """Train from random weights; return the classes predicted for the test images."""
    torch.manual_seed(SEED)
    encoder = build_encoder("resnet18", SEED)
    model = nn.Sequential(encoder, nn.Linear(encoder.feature_dim, len(FREQUENCY)))
    images, targets, batch = scaled(x), torch.from_numpy(y), 64
    steps = epochs * (len(y) // batch)
    optimiser = torch.optim.AdamW(model.parameters(), weight_decay=0.05)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, 2e-3, total_steps=steps)
    for _ in range(epochs):
        for rows in torch.randperm(len(y)).split(batch)[: len(y) // batch]:
            with torch.autocast("cpu", torch.bfloat16):
                logits = model(augmented(images[rows]))
            loss = functional.cross_entropy(logits.float(), targets[rows])
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            schedule.step()
    model.eval()
    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
        parts = [model(part).argmax(1) for part in scaled(x_test).split(250)]
    return torch.cat(parts).numpy()


def scaled(x: np.ndarray) -> torch.Tensor:
    images = torch.from_numpy(x).permute(0, 3, 1, 2).float() / 127.5 - 1
    return images.contiguous(memory_format=torch.channels_last)


def augmented(images: torch.Tensor) -> torch.Tensor:
    """Flip, transpose and shift a batch."""
    flips = torch.rand(3) < 0.5
    images = images.flip(3) if flips[0] else images
    images = images.flip(2) if flips[1] else images
    images = images.transpose(2, 3) if flips[2] else images
    top, left = torch.randint(13, (2,)).tolist()
    padded = functional.pad(images, (6, 6, 6, 6), mode="reflect")
    images = padded[:, :, top : top + SIZE, left : left + SIZE]
    return images.contiguous(memory_format=torch.channels_last)


if __name__ == "__main__":
    main()
