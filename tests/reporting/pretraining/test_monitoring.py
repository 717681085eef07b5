import re
from collections.abc import Callable
from pathlib import Path

import pytest
from html_page import drawing
from watched import watch

from twinlens.files import read_json, write_json
from twinlens.records.monitor import MonitorRecord
from twinlens.reporting.load_run import read_run
from twinlens.reporting.pretraining.monitoring import (
    before_and_after,
    ending,
    evaluations,
    monitor_panels,
    rank_correlations,
)
from twinlens.reporting.study.arm_runs import ArmRuns

Build = Callable[..., Path]

LABELLED = ["Probes"]
UNLABELLED = ["Effective rank", "Decay of eigenvalues", "Dispersion", "Correlation of views"]


@pytest.fixture
def run(tmp_path: Path, build_study: Build) -> Path:
    return watch(build_study(tmp_path / "study", seeds=1) / "runs" / "pretrain-1-0")


def _panels(*runs: Path) -> dict[str, str]:
    """Return the drawings of these runs by their title."""
    panels = monitor_panels(ArmRuns("twins", 1, [read_run(run) for run in runs]))
    return {panel.title: drawing(panel) for panel in panels}


def _lines(drawing: str, colour: str) -> int:
    return len(re.findall(rf'<path d="M [^"]*"[^>]*stroke: var\(--{colour}\)', drawing))


def test_every_quantity_has_a_panel_that_says_where_it_began_and_ended(run: Path) -> None:
    panels = _panels(run)
    assert list(panels) == [*LABELLED, *UNLABELLED]
    words = "Probes against the step, twins: linear from 0.340 to 0.460, kNN from 0.300 to 0.400."
    assert f'aria-label="{words}"' in panels["Probes"]
    assert "diagonal from 0.300 to 0.800" in panels["Correlation of views"]


def test_each_seed_has_a_line(tmp_path: Path, build_study: Build) -> None:
    runs = build_study(tmp_path / "study", seeds=2) / "runs"
    seeds = [watch(runs / f"pretrain-1-{seed}") for seed in range(2)]
    one, two = _panels(seeds[0])["Dispersion"], _panels(*seeds)["Dispersion"]
    for colour in ("colour-1", "colour-2"):
        assert _lines(two, colour) == _lines(one, colour) + 1


def test_only_the_probes_are_held_against_chance(run: Path) -> None:
    assert [title for title, svg in _panels(run).items() if ">chance<" in svg] == ["Probes"]


def test_an_alarm_is_marked_in_every_panel_and_said(run: Path) -> None:
    calm = _panels(run)
    alarmed = _panels(watch(run, alarm=230))
    for title, svg in alarmed.items():
        assert "alarm at step 230." in svg
        assert _lines(svg, "ink") == _lines(calm[title], "ink") + 1
    assert not any("alarm" in drawing for drawing in calm.values())


def test_without_labels_there_are_no_probes(run: Path) -> None:
    watch(run, labels=(None,))
    assert list(_panels(run)) == UNLABELLED


def test_a_run_of_an_older_version_has_no_curves(run: Path) -> None:
    (run / "monitor.json").unlink()
    assert _panels(run) == {}
    assert before_and_after(read_run(run), "linear_probe") is None
    MonitorRecord(images=0, probe=None).write(run / "monitor.json")
    assert _panels(run) == {}


def test_numbers_that_are_none_are_left_out(run: Path) -> None:
    stored = read_json(run / "monitor.json")
    for evaluation in stored["evaluations"][6:]:
        evaluation["linear_probe"] = None
    write_json(run / "monitor.json", stored)
    assert evaluations(read_run(run))["linear_probe"].notna().sum() == 6
    assert "linear from 0.340 to 0.370" in _panels(run)["Probes"]
    assert before_and_after(read_run(run), "linear_probe") is None


def test_after_is_the_step_whose_weights_were_kept(run: Path) -> None:
    assert before_and_after(read_run(run), "linear_probe") == pytest.approx((0.34, 0.46))
    write_json(run / "monitor.json", read_json(run / "monitor.json") | {"kept_step": 115})
    assert before_and_after(read_run(run), "linear_probe") == pytest.approx((0.34, 0.37))


@pytest.mark.parametrize(
    ("record", "words"),
    [
        ({}, ["The weights kept are those of the last step."]),
        (
            {"kept": "step 115 of 460, the best linear probe", "stopped": "It stopped early."},
            [
                "It stopped early.",
                "The weights kept are those of step 115 of 460, the best linear probe.",
            ],
        ),
    ],
)
def test_the_ending_is_said(run: Path, record: dict[str, str], words: list[str]) -> None:
    assert ending(read_run(watch(run, **record))) == words


def test_measures_without_labels_are_held_against_the_probe(run: Path) -> None:
    table = rank_correlations(read_run(run))
    assert [[cell.text for cell in row] for row in table.rows] == [
        ["RankMe (effective rank)", "20", "1.00", "1.00"],
        ["LiDAR", "20", "−1.00", "−1.00"],
        ["alpha-ReQ (nearness to 1)", "20", "1.00", "1.00"],
    ]
    stored = read_json(run / "monitor.json")
    probes = [0.3, 0.1, 0.2, 0.25, 0.22, 0.4]  # by hand: Spearman 1 - 6 (1 + 1) / 120
    for probe, evaluation in zip(probes, stored["evaluations"], strict=False):
        evaluation["linear_probe"], evaluation["lidar"] = probe, None
    write_json(run / "monitor.json", stored | {"evaluations": stored["evaluations"][:6]})
    rows = rank_correlations(read_run(run)).records
    assert [row["measure"] for row in rows] == [
        "RankMe (effective rank)",
        "alpha-ReQ (nearness to 1)",
    ]
    assert rows[0]["evaluations"] == 5
    assert (rows[0]["spearman"], rows[0]["kendall"]) == pytest.approx((0.9, 0.8))


def test_too_few_evaluations_or_no_probe_have_no_order(run: Path) -> None:
    stored = read_json(run / "monitor.json")
    write_json(run / "monitor.json", stored | {"evaluations": stored["evaluations"][:5]})
    assert rank_correlations(read_run(run)) is None
    assert rank_correlations(read_run(watch(run, labels=(None,)))) is None
