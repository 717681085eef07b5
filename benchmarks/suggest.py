"""How many labels does `twinlens suggest` save against choosing images at random?

    twinlens import ../shared/data/derm --label diagnosis --out derm --size 128
    twinlens import phantom:3000 --out phantoms --size 128
    PYTHONPATH=src python benchmarks/suggest.py derm phantoms \
        --weights ../shared/weights/tf_efficientnet_lite2_timm.pth

Rounds of 50 labels up to 400, from nothing. The pool is what is not validation or test, one image a
group, and 80 % of it for each of five seeds, which both arms share; the stored labels answer for
the specialist. After each round a linear probe on frozen features of EfficientNet-Lite2 is scored.
`suggest` is its default: TypiClust first, uncertainty-weighted clusters from then on. It was chosen
on the validation images among `--arms`; the test images were opened once, for two arms.

Labels needed for a target: where a seed's curve first reaches it, linear between rounds; 400 where
it never does, and then counted. Targets: the mean of random choice after 100, 200, 300 labels.
Some minutes on one core, and four more for the features, which are kept.
"""

import argparse
from dataclasses import dataclass
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import torch
from machine import machine
from scipy.stats import t as student
from sklearn.metrics import balanced_accuracy_score

from twinlens import files
from twinlens.data.batches import reader
from twinlens.data.dataset import Dataset, open_dataset
from twinlens.data.splits import open_split
from twinlens.evaluation.features.probe import linear_probe, unit_rows
from twinlens.inference.embed import embed
from twinlens.models.encoders import build_encoder
from twinlens.models.weights import load_weights
from twinlens.seeds import derive
from twinlens.suggesting import METHODS
from twinlens.suggesting.method import Pool, representatives
from twinlens.types import Rows

OUT = Path(__file__).parent / "results" / "suggest.json"
ENCODER, C = "timm/tf_efficientnet_lite2", 0.01
SEEDS, ROUNDS, COUNT, SHARE = range(5), 8, 50, 0.8
BUDGETS = np.arange(1, ROUNDS + 1) * COUNT
ARMS = {
    "random": ("random", "random"),
    "suggest": ("typiclust", "uncertain_clusters"),
    "typiclust": ("typiclust", "typiclust"),
    "random, then uncertain_clusters": ("random", "uncertain_clusters"),
}
"""Methods without and with a model."""


@dataclass(frozen=True, eq=False)
class Data:
    """Features and labels of the pool and of the images that score it."""

    x: np.ndarray
    labels: Rows
    groups: Rows
    pool: Rows
    scored: Rows
    classes: int


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", nargs="+")
    parser.add_argument("--weights", required=True)
    parser.add_argument("--part", default="val", choices=["val", "test"])
    parser.add_argument("--arms", nargs="+", default=["random", "suggest"])
    options = parser.parse_args()
    torch.set_num_threads(1)
    for path in options.data:
        data = _load(open_dataset(path), options.weights, options.part)
        curves = {arm: np.array([_curve(data, arm, s) for s in SEEDS]) for arm in options.arms}
        found = _compared(curves) | {"pool": len(data.pool), "scored": len(data.scored)}
        results = files.read_json(OUT)["results"] if OUT.exists() else {}
        results.setdefault(Path(path).name, {})[options.part] = found
        print(path, options.part, found)
        files.write_json(OUT, {"results": results, "machine": machine()})
        _draw(results)


def _load(dataset: Dataset, weights: str, part: str) -> Data:
    kept = dataset.path / "suggest_features.npy"
    if not kept.exists():
        encoder = build_encoder(ENCODER, 0)
        load_weights(encoder, weights)
        rows = np.arange(len(dataset.table))
        read = reader(dataset.images, rows, "cpu")
        np.save(kept, embed(encoder, read, rows, size=dataset.size, batch_size=32))
    split = open_split(dataset)
    pool = np.concatenate([split.rows["train"], split.rows["unlabelled"]])
    pool = pool[dataset.labels[pool] >= 0]
    groups = np.unique(dataset.table["group"], return_inverse=True)[1]
    return Data(np.load(kept), dataset.labels, groups, pool, split.rows[part], len(dataset.classes))


def _curve(data: Data, arm: str, seed: int) -> list[float]:
    """Return the balanced accuracy after each round."""
    random = np.random.default_rng(derive(seed, "pool"))
    names = np.unique(data.groups[data.pool])
    drawn = random.permutation(names)[: int(SHARE * len(names))]
    rows = data.pool[np.isin(data.groups[data.pool], drawn)]
    x, numbers = unit_rows(data.x[rows]), np.unique(data.groups[rows], return_inverse=True)[1]
    images, labelled = representatives(x, numbers, np.zeros(len(rows), bool))
    rows, x, scores = rows[images], x[images], []
    cold, warm = (METHODS[name] for name in ARMS[arm])
    head = None
    for number in range(ROUNDS):
        pool = Pool(x, labelled, None if head is None else _probabilities(data, head, rows))
        method = cold if head is None else warm
        picks = method.choose(pool, COUNT, derive(seed, arm, number) % 2**32)
        labelled = labelled.copy()
        labelled[[pick.row for pick in picks]] = True
        known = rows[labelled]
        of = data.labels[known]
        head = linear_probe(data.x[known], of, classes=data.classes, c=C, balanced=True)
        predicted = _probabilities(data, head, data.scored).argmax(axis=1)
        scores.append(balanced_accuracy_score(data.labels[data.scored], predicted))
    return scores


def _probabilities(data: Data, head: torch.nn.Module, rows: Rows) -> np.ndarray:
    with torch.no_grad():
        return head(torch.from_numpy(data.x[rows])).softmax(dim=1).numpy()


def _compared(curves: dict[str, np.ndarray]) -> dict[str, object]:
    """Compare each arm with random choice, paired by seed: means and 95 % t intervals."""
    base = curves["random"]
    found: dict[str, object] = {"labels": BUDGETS.tolist(), "arms": {}}
    for arm, curve in curves.items():
        gain = _interval((curve - base).mean(axis=1))
        entry = {"mean": curve.mean(axis=0).round(4).tolist(), "sd": curve.std(axis=0, ddof=1)
                 .round(4).tolist(), "mean gain over all rounds": gain}  # fmt: skip
        if arm != "random":
            entry["verdict"] = "won" if gain[1] > 0 else "lost" if gain[2] < 0 else "undecided"
            entry["labels needed"] = [_needed(curve, base, at) for at in (1, 3, 5)]
        found["arms"][arm] = entry
    return found


def _needed(curve: np.ndarray, base: np.ndarray, at: int) -> dict[str, object]:
    target = base[:, at].mean()
    ours, random = (np.array([_reached(c, target) for c in each]) for each in (curve, base))
    return {
        "balanced accuracy": round(float(target), 4),
        "suggested": round(float(ours.mean()), 1),
        "random": round(float(random.mean()), 1),
        "difference": _interval(ours - random, 1),
        "never reached": [int((each.max(axis=1) < target).sum()) for each in (curve, base)],
    }


def _reached(curve: np.ndarray, target: float) -> float:
    """Return the number of labels at which a curve, which starts at chance, reaches a target."""
    reached = np.flatnonzero(curve >= target)
    if not len(reached):
        return float(BUDGETS[-1])
    first = reached[0]
    if first == 0:
        return float(BUDGETS[0])
    below, above = curve[first - 1], curve[first]
    return float(BUDGETS[first - 1] + COUNT * (target - below) / (above - below))


def _interval(values: np.ndarray, digits: int = 4) -> list[float]:
    half = student.ppf(0.975, len(values) - 1) * values.std(ddof=1) / np.sqrt(len(values))
    return [round(float(v), digits) for v in (values.mean(), values.mean() - half,
                                              values.mean() + half)]  # fmt: skip


def _draw(results: dict[str, dict[str, dict]]) -> None:
    figure, axes = plt.subplots(1, len(results), figsize=(4.2 * len(results), 3.2), squeeze=False)
    for axis, (name, parts) in zip(axes[0], results.items(), strict=True):
        part = "test" if "test" in parts else "val"
        for arm, style in (("random", "#5e5f61"), ("suggest", "#0072b2")):
            entry = parts[part]["arms"][arm]
            mean, sd = np.array(entry["mean"]), np.array(entry["sd"])
            axis.plot(BUDGETS, mean, color=style, label=arm)
            axis.fill_between(BUDGETS, mean - sd, mean + sd, color=style, alpha=0.15, lw=0)
        axis.set(title=f"{name} ({part})", xlabel="labels", xlim=(0, BUDGETS[-1]))
        axis.spines[["top", "right"]].set_visible(False)
    axes[0][0].set_ylabel("balanced accuracy")
    axes[0][0].legend(frameon=False)
    figure.tight_layout()
    figure.savefig(OUT.with_suffix(".png"), dpi=110)


if __name__ == "__main__":
    main()
