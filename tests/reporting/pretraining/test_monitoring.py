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
)
from twinlens.reporting.study.arm_runs import ArmRuns

Build = Callable[..., Path]


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
    assert list(panels) == ["Probes", "Effective rank", "Dispersion", "Correlation of views"]
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
    assert list(_panels(run)) == ["Effective rank", "Dispersion", "Correlation of views"]


def test_a_run_of_an_older_version_has_no_curves(run: Path) -> None:
    (run / "monitor.json").unlink()
    assert _panels(run) == {}
    assert before_and_after(read_run(run), "linear_probe") is None
    MonitorRecord(images=0, probe=None).write(run / "monitor.json")
    assert _panels(run) == {}


def test_numbers_that_are_none_are_left_out(run: Path) -> None:
    stored = read_json(run / "monitor.json")
    for evaluation in stored["evaluations"][2:]:
        evaluation["linear_probe"] = None
    write_json(run / "monitor.json", stored)
    assert evaluations(read_run(run))["linear_probe"].notna().sum() == 2
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
