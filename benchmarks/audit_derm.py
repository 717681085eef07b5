"""How many known groups of real images does the audit find, and how many false pairs?

Run from the repository, with the real images beside it (make peers for the second encoder):

    twinlens import ../shared/data/derm --image image --label diagnosis --split split --size 128 \
        --out data/derm-ungrouped
    PYTHONPATH=src:tests/peers .venv-peers/bin/python benchmarks/audit_derm.py

The data set is imported without its group column. A pair of images counts as known if their
groups, as its owner gives them, are the same: mostly different photographs of one lesion. Pairs
of different groups that the hash links are listed by id, so that anybody can look at them. The
ten surest are written as a picture where --picture says (the images may not be redistributed).
Some three minutes on two cores.
"""

import argparse
import time
from pathlib import Path

import numpy as np
import pandas as pd
from machine import machine
from PIL import Image

from twinlens import files
from twinlens.auditing.duplicates import exact_duplicates, near_duplicates
from twinlens.auditing.features import compute_features
from twinlens.auditing.neighbours import nearest_neighbours, whiten
from twinlens.auditing.similar_images import similar_images
from twinlens.data.dataset import open_dataset
from twinlens.records.audit import DEFAULTS
from twinlens.requests.audit import AuditRequest

OUT = Path(__file__).parent / "results" / "audit_derm.json"
LABELS = Path("../shared/data/derm/labels.csv")
EFFICIENTNET = "../shared/weights/tf_efficientnet_lite0_timm.pth"
THRESHOLDS = {"hash": (0.5, 0.6, 0.7), "embedding": (0.5, 0.4, 0.3)}


def main() -> None:
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--picture", type=Path)
    picture = arguments.parse_args().picture
    data = open_dataset("data/derm-ungrouped")
    groups = pd.read_csv(LABELS).set_index("image")["group"][data.table["id"]].to_numpy()
    sizes = pd.Series(groups).value_counts()
    result = {
        "images": len(groups),
        "groups_of_several": int((sizes > 1).sum()),
        "pairs_of_one_group": int((sizes * (sizes - 1) // 2).sum()),
        "exact": judged(exact_duplicates(data.images), groups),
    }
    began = time.perf_counter()
    near = near_duplicates(data.images, np.arange(len(groups)), threshold=0.4)
    result["hash"] = judged_by_threshold(near, groups, "hash", time.perf_counter() - began)
    began = time.perf_counter()
    request = AuditRequest(
        data.path, encoder="timm/tf_efficientnet_lite0", weights=EFFICIENTNET, device="cpu"
    )
    features, source = compute_features(data, request)
    found = similar_images(nearest_neighbours(whiten(features)), threshold=0.7)
    seconds = time.perf_counter() - began
    copies = near[near["score"] >= DEFAULTS.min_correlation].assign(hash=True)[["a", "b", "hash"]]
    found = found.merge(copies, how="left", on=["a", "b"])
    result["embedding"] = judged_by_threshold(found, groups, source, seconds)
    strangers = near[
        (near["score"] >= DEFAULTS.min_correlation) & (groups[near["a"]] != groups[near["b"]])
    ]
    strangers = strangers.sort_values("score", ascending=False)
    ids = data.table["id"].to_numpy()
    result["hash_pairs_of_two_groups"] = [
        {
            "a": ids[link.a],
            "b": ids[link.b],
            "score": round(link.score, 3),
            "how": link.transformation,
        }
        for link in strangers.itertuples()
    ]
    print(result)
    if picture is not None:
        rows = strangers[["a", "b"]].to_numpy()[:10]
        tiles = np.concatenate([np.concatenate(data.images[pair], axis=1) for pair in rows])
        Image.fromarray(tiles).save(picture)
    files.write_json(OUT, {"command": __doc__.split("\n\n")[2], **result, "machine": machine()})


def judged_by_threshold(
    links: pd.DataFrame, groups: np.ndarray, source: str, seconds: float
) -> dict[str, object]:
    kind = "hash" if source == "hash" else "embedding"
    return {
        "source": source,
        "seconds": round(seconds, 1),
        "by_threshold": {
            str(threshold): judged(links[links["score"] >= threshold], groups)
            for threshold in THRESHOLDS[kind]
        },
    }


def judged(links: pd.DataFrame, groups: np.ndarray) -> dict[str, int]:
    """Count pairs of one known group, the groups that they touch, and pairs of two groups."""
    same = groups[links["a"]] == groups[links["b"]]
    return {
        "pairs_of_one_group": int(same.sum()),
        "groups_found": len(np.unique(groups[links["a"]][same])),
        "pairs_of_two_groups": int((~same).sum()),
        **(
            {"of_them_by_hash_too": int(links["hash"].notna()[~same].sum())}
            if "hash" in links
            else {}
        ),
    }


if __name__ == "__main__":
    main()
