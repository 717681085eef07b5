"""What results.json holds beyond means and differences since comparisons are corrected."""

from pathlib import Path
from typing import Any

from twinlens.evaluation.statistics import effect_size, holm, sd_ratio, seeds_needed
from twinlens.files import read_json, write_json

WORTH = "‘{arm}’ with {label_fraction} of the labels does what the reference needs 300 labels for."
ADVICE = ["More seeds would narrow the interval.", "More labels: the study cannot say."]


def judge(folder: Path, min_effect: float = 0.02) -> dict[str, Any]:
    """Add what a newer study stores to the results of a study that `build_study` has written."""
    path = folder / "results.json"
    results = read_json(path)
    primary, reference = results["primary_metric"], results["reference"]
    largest = f"{max(results['label_fractions']):g}"
    for arm, by_label_fraction in results["differences"].items():
        for label_fraction, metrics in by_label_fraction.items():
            for metric, found in metrics.items():
                ours, theirs = (
                    results["arms"][a][label_fraction][metric] for a in (arm, reference)
                )
                judged = min_effect if metric == primary else None
                one = {"interval": [-0.05, 0.06], "groups": 90, "draws": 2000, "note": ""}
                found |= {
                    "effect_size": effect_size(found["values"]),
                    "sd_ratio": sd_ratio(ours["values"], theirs["values"]),
                    "seeds_needed": seeds_needed(found["values"], judged) if judged else None,
                    "p_holm": None,
                    "resampled_interval": None,
                } | ({"bootstrap": one} if found["n"] == 1 else {})
    family = [by[largest][primary] for by in results["differences"].values()]
    for found, p in zip(family, holm([found["p"] for found in family]), strict=True):
        found["p_holm"] = p
    labels = {
        label_fraction: round(900 * float(label_fraction))
        for label_fraction in results["arms"][reference]
    }
    worth = {
        arm: {b: {"labels": 300, "low": None, "high": None,
                  "sentence": WORTH.format(arm=arm, label_fraction=b)} for b in labels}
        for arm in results["differences"]
    }  # fmt: skip
    best = {"run": f"train-1-{largest}-0", "arm": [*results["arms"]][-1], "seed": 0,
            "label_fraction": float(largest), "metric": primary, "val": 0.512, "folder": "best",
            "members": [f"train-1-{largest}-0"]}  # fmt: skip
    results |= {
        "min_effect": min_effect,
        "label_efficiency": {"labels": labels, "val_labels": 100, "worth": worth}
        if len(labels) > 1
        else {},
        "advice": ADVICE,
        "best": best,
    }
    write_json(path, results)
    return results
