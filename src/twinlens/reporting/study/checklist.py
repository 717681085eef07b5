"""A checklist after CLAIM and TRIPOD+AI, filled in as far as the stored runs allow."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import yaml

from twinlens.records.run import DataSummary, Environment
from twinlens.reporting.formatting import decimal, interval, method_title, plural, sentence, spread
from twinlens.reporting.load_run import StoredRun
from twinlens.reporting.rendering import text_environment
from twinlens.reporting.study.load_study import StoredStudy
from twinlens.reporting.study.methods import weights_words
from twinlens.reporting.study.reproducibility import failures
from twinlens.reporting.study.training_words import balancing
from twinlens.reporting.tables.tables import Cell, Column, Table, arm_titles, key_column, make_table

AUTHORS = "To be filled in by the authors"
_FILE = Path(__file__).with_suffix(".yaml")
ITEMS: list[dict[str, str]] = yaml.safe_load(_FILE.read_text(encoding="utf-8"))
_LR_SOURCES = {
    "valley": "by a search on training images",
    "fallback": "a stated learning rate where the search was inconclusive",
    "fixed": "fixed beforehand",
}


_NO_DATA = DataSummary(path="", hash="", size=0, classes=[], counts={}, split="", split_hash="")


def content(study: StoredStudy) -> dict[str, Any]:
    """Return the table that the template shows."""
    return {"checklist": checklist(study)}


def checklist(study: StoredStudy) -> Table:
    """Return the items, what the runs say of each, and what is left to the authors."""
    environment, values = text_environment(), _values(study)
    records = []
    for item in ITEMS:
        text = environment.from_string(item.get("answer", "")).render(values)
        answer, topic = re.sub(r"[ \n]+", " ", text).strip(), item["topic"]
        record = {
            "topic": topic,
            "claim_2024": item.get("claim", ""),
            "tripod_ai": item.get("tripod", ""),
            "from_the_runs": answer,
            "left_to_the_authors": item.get("authors") or ("" if answer else topic.lower()),
        }
        records.append(record)
    columns = [
        key_column("Topic", "topic"),
        key_column("CLAIM", "claim_2024"),
        key_column("TRIPOD+AI", "tripod_ai"),
        Column("Answer", _answer),
    ]
    return make_table(records, columns, name="checklist")


def _answer(record: dict[str, str]) -> Cell:
    left = record["left_to_the_authors"]
    return Cell(record["from_the_runs"], f"{AUTHORS}: {left}." if left else "")


def _values(study: StoredStudy) -> dict[str, Any]:
    """Return what the answers of the checklist refer to."""
    counts = study.counts
    sizes = {part: sum(by_class.values()) for part, by_class in counts.items()}
    seeds, fractions = len(study.results.seeds), len(study.label_fractions)
    repeats = {"seed": seeds, "label fraction": fractions}
    sources = {run.lr_finder.how for run in study.runs if run.lr_finder}
    environments = [study.environment, *(_environment(run) for run in study.runs)]
    return {
        "study": study,
        "data": study.data or _NO_DATA,
        "audit": study.audit,
        "best": study.results.best,
        "titles": lambda arms: arm_titles(study, arms),
        "others": [arm for arm in study.arms if arm != study.reference],
        "methods": sorted({method_title(run.method) for run in study.runs_of("pretrain")}),
        "normalised": list({record.settings.normalise for run in study.runs
                            if (record := run.pretraining or run.training)}),
        "subset": study.settings.get("classes"),
        "sizes": [f"{n:,} {part}" for part, n in sizes.items()],
        "test_images": sizes.get("test", 0),
        "seeds": seeds,
        "repeats": [plural(n, noun) for noun, n in repeats.items() if n > 1],
        "encoders": _distinct(study, "encoder"),
        "heads": _distinct(study, "head") or ["linear"],
        "linear_probe": "linear_probe" in _distinct(study, "tuning"),
        "views": sorted(_distinct(study, "tta")),
        "environment": next(filter(None, environments), {"packages": None}),
        "initial_weights": _by_arm(
            study, lambda run: weights_words(run.training) if run.training else ""
        ),
        "class_balance": _by_arm(
            study, lambda run: balancing(run.training.settings) if run.training else ""
        ),
        "lr_sources": [words for how, words in _LR_SOURCES.items() if how in sources],
        "accesses": len(study.results.test_access),
        "failed": len(failures(study)),
        **_scores(study),
    }  # fmt: skip


def _environment(run: StoredRun) -> Environment | None:
    record = run.pretraining or run.training
    return record.environment if record else None


def _scores(study: StoredStudy) -> dict[str, Any]:
    """Return what the answers say of the primary metric at the largest label fraction."""
    largest = study.label_fractions[0] if study.label_fractions else 1.0
    summaries = {
        arm: summary
        for arm in study.arms
        if (summary := study.summary(arm, largest, study.primary))
    }
    differences = {arm: study.difference(arm, largest, study.primary) for arm in study.arms}
    intervals = [
        difference
        for label_fraction in study.label_fractions
        for arm in study.arms
        if (difference := study.difference(arm, label_fraction, study.primary))
        and difference.interval
    ]
    return {
        "performance": [
            f"{study.arm_title(arm)} {decimal(s.mean)}"
            + (f" {spread(s)} {interval(s.interval)}" if s.n > 1 else "")
            for arm, s in summaries.items()
        ],
        "single_seed": [arm for arm, summary in summaries.items() if summary.n == 1],
        "intervals": intervals,
        "corrected": any(entry.p_holm is not None for entry in intervals),
        "covers": [*dict.fromkeys(entry.covers for entry in intervals)],
        "seeds_needed": [
            f"{difference.seeds_needed} seeds planned for {study.arm_title(arm)}"
            for arm, difference in differences.items()
            if difference and difference.seeds_needed
        ],
    }


def _distinct(study: StoredStudy, key: str) -> list[str]:
    """Return the values of a setting in all trainings, each once."""
    values = [run.config[key] for run in study.runs_of("train") if key in run.config]
    return [*dict.fromkeys(map(str, values))]


def _by_arm(study: StoredStudy, describe: Callable[[StoredRun], str]) -> str:
    """Describe the training of each arm, arms with the same description together."""
    alike: dict[str, list[str]] = {}
    for arm in study.arms:
        for run in study.runs_of("train", arm=arm)[:1]:
            if words := describe(run):
                alike.setdefault(words, []).append(arm)
    return sentence(
        [
            f"{words} ({'all arms' if arms == study.arms else arm_titles(study, arms)})"
            for words, arms in alike.items()
        ]
    )
