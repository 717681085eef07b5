"""Are planted copies found? Run from the repository: python benchmarks/audit_planted.py.

Draws 2,000 phantom images of 128 px, plants 100 copies of other images' pixels among them (20
exact, 20 re-encoded, 20 resized, 20 mirrored, 20 cropped by 5 % at a random place) and looks for
them as the audit does, with its default thresholds. Also: the search by multi-index hashing
against comparing all with all, on the hashes of 10,000 images. Some three minutes on two cores.
"""

import time
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from machine import machine
from PIL import Image

from twinlens import files
from twinlens.auditing.duplicates import (
    exact_duplicates,
    near_duplicates,
)
from twinlens.auditing.hamming import HammingIndex
from twinlens.data.hashing import VIEWS, grey, perceptual_hash
from twinlens.importing.import_images import import_images
from twinlens.records.audit import DEFAULTS

OUT = Path(__file__).parent / "results" / "audit_planted.json"
COUNT, SIZE, SEARCHED = 2000, 128, 10_000
KINDS = ("exact", "re-encoded", "resized", "mirrored", "cropped")
DRAWS = 3


def main() -> None:
    with TemporaryDirectory() as folder:
        many = import_images(f"phantom:{SEARCHED}", Path(folder) / "many", size=64)
        result: dict[str, object] = {"search": search(many.images)}
        print(result, flush=True)
        few = import_images(f"phantom:{COUNT}", Path(folder) / "few", size=SIZE)
        lesions = few.table["group"].to_numpy()
        result["planted"] = [planted(few.images, lesions, seed) for seed in range(DRAWS)]
    print(result["planted"])
    files.write_json(
        OUT,
        {
            "command": "python benchmarks/audit_planted.py",
            "settings": {
                "hash_radius": DEFAULTS.hash_radius,
                "correlation": DEFAULTS.min_correlation,
            },
            **result,
            "machine": machine("numpy", "scipy", "pillow"),
        },
    )


def planted(images: np.ndarray, lesions: np.ndarray, seed: int) -> dict[str, object]:
    """Plant copies and count those found, and the pairs of different lesions."""
    random = np.random.default_rng(seed)
    originals = random.choice(len(images), 100, replace=False)
    copies = [
        copy(Image.fromarray(images[row]), KINDS[number // 20], random)
        for number, row in enumerate(originals)
    ]
    pack = np.concatenate([images, np.stack(copies)])
    lesions = np.concatenate([lesions, lesions[originals]])
    exact = exact_duplicates(pack)
    near = near_duplicates(pack, np.setdiff1d(np.arange(len(pack)), exact["b"]))
    pairs = {*zip(exact["a"], exact["b"], strict=True), *zip(near["a"], near["b"], strict=True)}
    found = [(row, COUNT + number) in pairs for number, row in enumerate(originals)]
    return {
        "seed": seed,
        "found": {kind: sum(found[20 * k : 20 * k + 20]) for k, kind in enumerate(KINDS)},
        "false_pairs": sum(bool(lesions[a] != lesions[b]) for a, b in pairs),
    }


def copy(image: Image.Image, kind: str, random: np.random.Generator) -> np.ndarray:
    """Return the pixels of a copy, as an import of it would give them."""
    size = image.width
    if kind == "re-encoded":
        buffer = BytesIO()
        image.save(buffer, "JPEG", quality=60)
        image = Image.open(buffer)
    elif kind == "resized":
        image = image.resize((size // 2, size // 2), Image.Resampling.BICUBIC)
    elif kind == "mirrored":
        image = image.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    elif kind == "cropped":
        side = round(0.95 * size)
        left, top = random.integers(0, size - side + 1, 2)
        image = image.crop((left, top, left + side, top + side))
    return np.asarray(image.resize((size, size), Image.Resampling.BILINEAR))


def search(images: np.ndarray) -> dict[str, object]:
    """Compare the index with comparing all with all: pairs found, and seconds."""
    batch = grey(images)
    hashes = perceptual_hash(batch)
    index = HammingIndex(hashes)
    pairs, missed, took = 0, 0, {"index": 0.0, "all_with_all": 0.0}
    for view in VIEWS:
        queries = perceptual_hash(batch, view)
        began = time.perf_counter()
        found = index.within(queries, DEFAULTS.hash_radius, most=len(images))
        took["index"] += time.perf_counter() - began
        began = time.perf_counter()
        wanted = brute_force(queries, hashes)
        took["all_with_all"] += time.perf_counter() - began
        pairs += len(wanted)
        missed += len(wanted - {(int(a), int(b)) for a, b, _ in found})
    return {
        "images": len(images),
        "views": len(VIEWS),
        "pairs": pairs,
        "recall": 1 - missed / pairs,
        "seconds": {name: round(value, 1) for name, value in took.items()},
    }


def brute_force(queries: np.ndarray, hashes: np.ndarray) -> set[tuple[int, int]]:
    found = set()
    for start in range(0, len(queries), 500):
        distance = np.bitwise_count(queries[start : start + 500, None] ^ hashes[None])
        found |= {
            (int(a) + start, int(b)) for a, b in np.argwhere(distance <= DEFAULTS.hash_radius)
        }
    return found


if __name__ == "__main__":
    main()
