r"""Pairs of arms of a finished study, each with its own reference, as a table and a JSON file.

A study's report compares every arm with one reference. Where arms were also probed, the fair
reference of a probed arm is the probed one:

    python benchmarks/pairs.py runs/derm-pretraining derm-pretraining \
        "random + Barlow Twins" random \
        "random + Barlow Twins, probed" "random, probed"

Names two arms per pair, writes results/NAME.json with scores, differences, equivalent labels,
study file and machine, and prints scores and differences as Markdown. Reads stored metrics and
results alone; descriptive, so without p values.
"""

import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

from twinlens.config import read_yaml
from twinlens.evaluation.metrics import METRICS
from twinlens.evaluation.statistics import PairedDifference, Summary, paired_difference, summary
from twinlens.files import write_json
from twinlens.records.results import StudyResults
from twinlens.records.run import Environment
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
        f"{arm} | {label_fraction}": {
            m: _as_row(summary([s[m] for s in by_seed.values()]), len(by_seed)) for m in METRICS
        }
        for (arm, label_fraction), by_seed in scores.items()
    }
    label_fractions = list(dict.fromkeys(label_fraction for _, label_fraction in scores))
    differences = {
        f"{arm} − {reference} | {label_fraction}": _difference(
            scores[arm, label_fraction], scores[reference, label_fraction]
        )
        for arm, reference in zip(arms[::2], arms[1::2], strict=True)
        for label_fraction in label_fractions
        if (arm, label_fraction) in scores and (reference, label_fraction) in scores
    }
    efficiency = StudyResults.read(folder / "results.json").label_efficiency
    environment = Environment.read(folder / "environment.json")
    content = {
        "command": f"twinlens compare study.yaml --out {folder}",
        "study": read_yaml(folder / "study.yaml"),
        "environment": environment.model_dump(mode="json"),
        "arms": rows,
        "differences": differences,
        "label_efficiency": efficiency and efficiency.model_dump(mode="json"),
    }
    write_json(HERE / "results" / f"{name}.json", content)
    print("| arm | labels | seeds | " + " | ".join(SHOWN) + " |\n" + "|---" * 6 + "|")
    for key, row in rows.items():
        print(
            f"| {key} | {row[SHOWN[0]]['n']} | " + " | ".join(_mean(row[m]) for m in SHOWN) + " |"
        )
    for key, row in differences.items():
        shown = " | ".join(_change(row[m]) for m in SHOWN)
        print(f"| {key} | {row[SHOWN[0]]['n']} | {shown} |")


def _difference(
    arm: dict[int, dict[str, float]], reference: dict[int, dict[str, float]]
) -> dict[str, dict[str, Any]]:
    seeds = [seed for seed in arm if seed in reference]
    return {
        m: _as_row(
            paired_difference([arm[s][m] for s in seeds], [reference[s][m] for s in seeds]),
            len(seeds),
        )
        for m in METRICS
    }


def _as_row(statistic: Summary | PairedDifference, n: int) -> dict[str, Any]:
    """Return a statistic over n seeds as plain values for JSON."""
    interval = [*statistic.interval] if statistic.interval else None
    return {**asdict(statistic), "n": n, "interval": interval}


def _mean(row: dict[str, Any]) -> str:
    return f"{row['mean']:.3f}" + (f" ± {row['sd']:.3f}" if row["sd"] is not None else "")


def _change(row: dict[str, Any]) -> str:
    low, high = row["interval"] or (None, None)
    return f"{row['mean']:+.3f}" + (f" [{low:+.3f}, {high:+.3f}]" if row["interval"] else "")


if __name__ == "__main__":
    main()
