r"""Pairs of arms of a finished study, each with its own reference, as a table and a JSON file.

A study's report compares every arm with one reference. Where arms were also probed, the fair
reference of a probed arm is the probed one:

    python benchmarks/pairs.py runs/derm-pretraining derm-pretraining \
        "random + Barlow Twins" random \
        "random + Barlow Twins, probed" "random, probed"

Names two arms a pair, writes results/NAME.json with scores, differences, worth in labels, study
file and machine, and prints scores and differences as Markdown. Reads stored metrics and results
alone; descriptive, so without p values.
"""

import sys
from pathlib import Path
from typing import Any

from twinlens.config import read_yaml
from twinlens.evaluation.metrics import METRICS
from twinlens.evaluation.statistics import paired_difference, summary
from twinlens.files import read_json, write_json
from twinlens.study.running.paths import is_finished, read_metrics, read_plan

SHOWN = ("balanced_accuracy", "macro_f1", "accuracy")
HERE = Path(__file__).parent


def main() -> None:
    study, name, *arms = sys.argv[1:]
    folder = Path(study)
    scores: dict[tuple[str, str], dict[int, dict[str, float]]] = {}
    for run in read_plan(folder):
        if run.kind == "train" and is_finished(folder, run):
            key = (run.arm, f"{run.label_fraction:g}")
            scores.setdefault(key, {})[run.seed] = read_metrics(folder, run).parts["test"].metrics
    rows = {
        f"{arm} | {label_fraction}": {m: summary([s[m] for s in by_seed.values()]) for m in METRICS}
        for (arm, label_fraction), by_seed in scores.items()
    }
    label_fractions = list(dict.fromkeys(label_fraction for _, label_fraction in scores))
    differences = {
        f"{ours} − {theirs} | {label_fraction}": _difference(
            scores[ours, label_fraction], scores[theirs, label_fraction]
        )
        for ours, theirs in zip(arms[::2], arms[1::2], strict=True)
        for label_fraction in label_fractions
        if (ours, label_fraction) in scores and (theirs, label_fraction) in scores
    }
    found = {
        "command": f"twinlens compare study.yaml --out {folder}",
        "study": read_yaml(folder / "study.yaml"),
        "environment": read_json(folder / "environment.json"),
        "arms": rows,
        "differences": differences,
        "label_efficiency": read_json(folder / "results.json")["label_efficiency"],
    }
    write_json(HERE / "results" / f"{name}.json", found)
    print("| arm | labels | seeds | " + " | ".join(SHOWN) + " |\n" + "|---" * 6 + "|")
    for key, row in rows.items():
        print(
            f"| {key} | {row[SHOWN[0]]['n']} | " + " | ".join(_mean(row[m]) for m in SHOWN) + " |"
        )
    for key, row in differences.items():
        shown = " | ".join(_change(row[m]) for m in SHOWN)
        print(f"| {key} | {row[SHOWN[0]]['n']} | {shown} |")


def _difference(
    ours: dict[int, dict[str, float]], theirs: dict[int, dict[str, float]]
) -> dict[str, Any]:
    seeds = [seed for seed in ours if seed in theirs]
    return {
        m: paired_difference([ours[s][m] for s in seeds], [theirs[s][m] for s in seeds])
        for m in METRICS
    }


def _mean(found: dict[str, Any]) -> str:
    return f"{found['mean']:.3f}" + (f" ± {found['sd']:.3f}" if found["sd"] is not None else "")


def _change(found: dict[str, Any]) -> str:
    low, high = found["interval"] or (None, None)
    return f"{found['mean']:+.3f}" + (f" [{low:+.3f}, {high:+.3f}]" if found["interval"] else "")


if __name__ == "__main__":
    main()
