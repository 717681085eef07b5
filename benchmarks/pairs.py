r"""Pairs of arms of a finished study, each with its own reference, as a table and a JSON file.

A study's report compares every arm with one reference. Where arms were also probed, the fair
reference of a probed arm is the probed one:

    python benchmarks/pairs.py runs/derm-pretraining derm-pretraining \
        "random + Barlow Twins" random \
        "random + Barlow Twins, probed" "random, probed"

Names two arms per pair, writes results/NAME.json with scores, differences, equivalent labels,
study file and machine, and prints scores and differences as Markdown. Intervals of
differences hold for other seeds and other test images; descriptive, so without p values.
"""

import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

from twinlens.config import read_yaml
from twinlens.evaluation.metrics import METRICS
from twinlens.evaluation.uncertainty.statistics import Interval, summary
from twinlens.files import write_json
from twinlens.records.results import StudyResults
from twinlens.records.run import Environment
from twinlens.study.analysis.comparisons import Comparison, read_comparisons
from twinlens.study.analysis.scores import collect_scores, test_metrics
from twinlens.study.running.paths import is_finished, read_plan

SHOWN = ("balanced_accuracy", "macro_f1", "accuracy")
HERE = Path(__file__).parent


def main() -> None:
    study, name, *arms = sys.argv[1:]
    folder = Path(study)
    results = StudyResults.read(folder / "results.json")
    trainings = [
        run for run in read_plan(folder) if run.kind == "train" and is_finished(folder, run)
    ]
    tables = test_metrics(collect_scores(folder, trainings))
    comparisons = read_comparisons(folder, trainings, tables, results.looks)
    rows = {
        f"{arm} | {fraction:g}": {m: _summary(table[m].tolist()) for m in METRICS}
        for (arm, fraction), table in tables.items()
    }
    differences = {
        f"{arm} − {reference} | {fraction:g}": {
            m: _difference(found)
            for m in METRICS
            if (found := comparisons.compare((arm, fraction), (reference, fraction), m))
        }
        for arm, reference in zip(arms[::2], arms[1::2], strict=True)
        for fraction in results.label_fractions
        if {(arm, fraction), (reference, fraction)} <= tables.keys()
    }
    efficiency = results.label_efficiency
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


def _summary(values: list[float]) -> dict[str, Any]:
    found = summary(values)
    return {**asdict(found), "n": len(values), "interval": _ends(found.interval)}


def _difference(found: Comparison) -> dict[str, Any]:
    return {
        "n": len(found.seeds),
        "values": found.over_seeds.values,
        "mean": found.over_seeds.mean,
        "interval": _ends(found.interval),
        "covers": found.covers,
        "seeds_interval": _ends(found.over_seeds.interval),
        "note": found.note,
    }


def _ends(interval: Interval) -> list[float | None] | None:
    return [*interval] if interval else None


def _mean(row: dict[str, Any]) -> str:
    return f"{row['mean']:.3f}" + (f" ± {row['sd']:.3f}" if row["sd"] is not None else "")


def _change(row: dict[str, Any]) -> str:
    low, high = row["interval"] or (None, None)
    return f"{row['mean']:+.3f}" + (f" [{low:+.3f}, {high:+.3f}]" if row["interval"] else "")


if __name__ == "__main__":
    main()
