"""How well does the score for images unlike the training ones tell those of another kind?

    twinlens import phantom:2400 --size 64 --out held
    twinlens split held --hold-out vignette=black --val 0.25 --name heldout
    twinlens train held --encoder resnet18_quarter --split heldout --epochs 15 --batch-size 32 \
        --lr 0.003 --out run
    twinlens import textures:600 --kind phantom --size 64 --out textures
    PYTHONPATH=src python benchmarks/unlike_training.py run held heldout textures

Half of the validation images choose the threshold, the other half are the images that are like the
training ones. The others: skin lesions under a black vignette, which no training image has;
textures, which are no skin; and the other half of the validation images blurred, darkened or
replaced by noise. Some minutes on two cores.
"""

import argparse
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from machine import machine
from sklearn.metrics import roc_auc_score

from twinlens import files
from twinlens.data.batches import reader
from twinlens.data.dataset import Dataset, open_dataset
from twinlens.data.splits import open_split
from twinlens.inference.embed import embed
from twinlens.inference.unlike_training import fit_unlike_training
from twinlens.models.bundle import load_bundle
from twinlens.models.embedding_index import EmbeddingIndex
from twinlens.types import Images, Rows
from twinlens.views.view import clean_view

OUT = Path(__file__).parent / "results" / "unlike_training.json"
NOISE = torch.Generator().manual_seed(0)
CHANGES: dict[str, Callable[[Images], Images]] = {
    "blurred to an eighth of the pixels": lambda x: clean_view(
        clean_view(x, x.shape[-1] // 8), x.shape[-1]
    ),
    "darkened to a quarter": lambda x: x / 4,
    "noise": lambda x: torch.rand(x.shape, generator=NOISE),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    for name in ("run", "data", "split", "textures"):
        parser.add_argument(name)
    options = parser.parse_args()
    bundle = load_bundle(Path(options.run) / "model")
    data, textures = open_dataset(options.data), open_dataset(options.textures)
    split = open_split(data, options.split)

    def features(
        of: Dataset, rows: Rows, change: Callable[[Images], Images] = lambda x: x
    ) -> np.ndarray:
        read = reader(of.images, rows, "cpu")
        size = bundle.info.size
        changed = lambda rows: change(read(rows))  # noqa: E731
        return embed(bundle.encoder, changed, rows, size=size, batch_size=256)

    train, val = split.rows["train"], split.rows["val"]
    train = train[data.labels[train] >= 0]
    groups = data.table["group"].to_numpy()[val]
    chooses = np.isin(groups, np.unique(groups)[::2])
    known = data.table.iloc[train]
    index = EmbeddingIndex(features(data, train), known["id"].tolist(), known["label"].tolist())
    unlike = fit_unlike_training(index, features(data, val[chooses]))
    like = unlike.score(features(data, val[~chooses]))
    others = {
        "black vignette": features(data, split.rows["test"]),
        "textures": features(textures, np.arange(len(textures.table))),
    } | {name: features(data, val[~chooses], change) for name, change in CHANGES.items()}
    results = {"like the training images": {"images": len(like), "flagged": _flagged(like, unlike)}}
    for name, x in others.items():
        scores = unlike.score(x)
        is_other = np.repeat([0, 1], [len(like), len(scores)])
        auroc = roc_auc_score(is_other, np.concatenate([like, scores]))
        results[name] = {
            "images": len(scores), "flagged": _flagged(scores, unlike), "auroc": round(auroc, 3)
        }  # fmt: skip
    for name, numbers in results.items():
        print(name, numbers)
    files.write_json(OUT, {"training": len(train), "results": results, "machine": machine()})


def _flagged(scores: np.ndarray, unlike) -> float:
    return round(float((scores > unlike.threshold).mean()), 3)


if __name__ == "__main__":
    main()
