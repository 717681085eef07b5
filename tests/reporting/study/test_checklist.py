from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from audited import study_audit
from html_page import Page
from judged import change_results, change_rows, judge

from stored_runs import configure
from twinlens.files import read_json, write_json
from twinlens.reporting.report import report
from twinlens.reporting.study.checklist import AUTHORS, ITEMS, checklist
from twinlens.reporting.study.load_study import read_study

Build = Callable[..., Path]


def answers(folder: Path) -> dict[str, dict[str, Any]]:
    return {record["topic"]: record for record in checklist(read_study(folder)).records}


@pytest.fixture
def study(tmp_path: Path, build_study: Build) -> Path:
    return build_study(tmp_path / "study", seeds=3)


def test_every_item_is_answered_or_left_to_the_authors(study: Path) -> None:
    table = checklist(read_study(study))
    assert len(table.rows) == len(ITEMS)
    for row, record in zip(table.rows, table.records, strict=True):
        assert record["from_the_runs"] or record["left_to_the_authors"]
        assert bool(record["left_to_the_authors"]) == (AUTHORS in row[3].detail)
        assert row[3].text == record["from_the_runs"]


def test_all_items_of_claim_but_the_abstract_are_there() -> None:
    numbers: set[int] = set()
    for item in ITEMS:
        for part in filter(None, item.get("claim", "").split(", ")):
            first, _, last = part.partition("–")
            numbers |= {*range(int(first), int(last or first) + 1)}
    assert numbers == {*range(1, 45)} - {2}


def test_what_software_cannot_know_is_left_to_the_authors(study: Path) -> None:
    found = answers(study)
    for topic in ("Prospective or retrospective", "Inclusion and exclusion", "De-identification",
                  "Image acquisition", "Registration", "Characteristics of the cases",
                  "Implications and use", "Funding and interests"):  # fmt: skip
        assert found[topic]["from_the_runs"] == ""
    assert "how, by whom" in found["Reference standard"]["left_to_the_authors"]


def test_nothing_is_claimed_of_data_that_were_not_audited(study: Path) -> None:
    found = answers(study)
    assert found["Level at which they are disjoint"]["from_the_runs"] == ""
    assert "not audited" in found["Leakage"]["from_the_runs"]
    assert found["Missing and unreadable data"]["from_the_runs"] == ""


def test_the_audit_answers_for_the_split(study: Path) -> None:
    study_audit().write(study / "audit.json")
    found = answers(study)
    level = found["Level at which they are disjoint"]["from_the_runs"]
    assert "on both sides of the split: 3; pairs of near-duplicates: 0." in level
    assert "21.0 %" in found["Leakage"]["from_the_runs"]
    assert "unreadable: 2." in found["Missing and unreadable data"]["from_the_runs"]
    assert "Suspected label errors: 7." in found["Reference standard"]["from_the_runs"]
    assert "Leaks between the parts" in found["Limitations"]["from_the_runs"]


def test_transductive_use_is_a_limitation(tmp_path: Path, build_study: Build) -> None:
    found = answers(build_study(tmp_path / "s", seeds=1, pretraining={"images": "all"}))
    seen = "saw validation and test images, without labels: random + Barlow Twins (transductive)"
    assert seen in found["Leakage"]["from_the_runs"]
    assert found["Limitations"]["from_the_runs"].startswith("One seed; transductive pretraining;")
    assert "no interval" in found["Uncertainty and significance"]["from_the_runs"]


def test_only_statistics_that_were_computed_are_named(study: Path) -> None:
    assert "Holm" not in answers(study)["Uncertainty and significance"]["from_the_runs"]
    judge(study)
    found = answers(study)
    assert "Holm" in found["Uncertainty and significance"]["from_the_runs"]
    assert "resampled" not in found["Uncertainty and significance"]["from_the_runs"]
    assert "(smallest effect of interest 0.020)" in found["Metrics"]["from_the_runs"]
    assert (
        "selected model is in best/"
        in (found["Availability of data, code and model"]["from_the_runs"])
    )


def test_class_balance_and_weights_are_told_by_arm(study: Path) -> None:
    for seed in range(3):
        run = study / "runs" / f"train-1-1-{seed}"
        configure(run, class_balance="loss", weights="theirs.safetensors")
    found = answers(study)
    assert found["Class imbalance"]["from_the_runs"] == (
        "Every image counts alike (random); classes are weighted by the inverse of their "
        "frequency (random + Barlow Twins)."
    )
    assert "theirs.safetensors" in found["Initial weights"]["from_the_runs"]


def test_failed_runs_are_told(study: Path) -> None:
    change_results(study, failures=[{"run": "train-1-1-0", "reason": "Out of memory."}])
    found = answers(study)["Failed runs"]["from_the_runs"]
    assert found == "1 planned run not finished, listed in the record."


def test_without_any_run_nothing_about_runs_is_claimed(study: Path, tmp_path: Path) -> None:
    folder = tmp_path / "bare"
    folder.mkdir()
    write_json(folder / "results.json", read_json(study / "results.json"))
    found = answers(folder)
    for topic in ("Model", "Initial weights", "Training and hyperparameters", "Partitions",
                  "Preprocessing", "Selection of subsets", "Software", "Data source"):  # fmt: skip
        assert found[topic]["from_the_runs"] == ""
    assert "Checklist" in Page(report(folder)).text


def test_arms_of_one_seed_are_a_limitation(study: Path) -> None:
    change_rows(study, "summaries", lambda r: r | ({} if r["arm"] == "random" else {"n": 1}))
    said = answers(study)["Limitations"]["from_the_runs"]
    assert said.startswith("One seed of random + Barlow Twins;")
    change_rows(study, "summaries", lambda row: row | {"n": 1})
    assert answers(study)["Limitations"]["from_the_runs"].startswith("One seed;")
