import pytest
from synthetic import planned_training

from stored_runs import train_run
from twinlens.records.scores import PartScores, Scores
from twinlens.study.planning.config import Study
from twinlens.study.running import progress as module
from twinlens.study.running.failures import note_failure
from twinlens.study.running.paths import run_folder
from twinlens.study.running.progress import Progress

STUDY = Study(data="data", label_fractions=[0.1, 1], arms={"random": {}, "random + twins": {}})
PLAN = [
    planned_training(
        f"{arm}-{seed}-{label_fraction:g}", arm=arm, seed=seed, label_fraction=label_fraction
    )
    for seed in range(3)
    for arm in STUDY.arms
    for label_fraction in (0.1, 1.0)
]


@pytest.fixture
def finish(tmp_path):
    """A function that finishes a run of the plan."""

    def write(number, score=0.5, seconds=60):
        folder = run_folder(tmp_path, PLAN[number])
        metrics = {"balanced_accuracy": score}
        test = PartScores(n=9, metrics=metrics, per_class={}, confusion=[])
        Scores(parts={"test": test}).write(folder / "metrics.json")
        train_run(seconds=seconds).write(folder / "run.json")

    return write


def test_it_tells_what_is_new_and_how_much_is_left(tmp_path, finish, capsys):
    finish(0)
    progress = Progress(STUDY, PLAN, tmp_path)
    progress.report(1)
    assert capsys.readouterr().err == ""
    finish(1, seconds=120)
    progress.report(1)
    told = capsys.readouterr().err
    assert "Finished: random-0-1\nRuns finished: 2 of 12.\n" in told  # an arm was never done
    finish(2, seconds=600)
    note_failure(tmp_path, PLAN[3].id, ValueError("too large"))
    progress.report(2)
    told = capsys.readouterr().err
    assert "Failed: random + twins-0-1: ValueError: too large" in told
    # Of random, 4 runs at (60 + 120) / 2 seconds; of the others 4 at 600; by two workers.
    assert "Runs finished: 3 of 12, 1 failed, about 23 min left." in told


def test_runs_that_were_never_done_are_estimated_at_the_speed_of_those_that_were(
    tmp_path, finish, capsys
):
    progress = Progress(
        STUDY, PLAN, tmp_path, seconds_of=lambda run: 3600 * (run.label_fraction or 1)
    )
    finish(0, seconds=60)
    progress.report(1)
    # Six times as fast as expected: 5 at a minute; of the other arm 3 at one and 3 at ten minutes.
    assert "about 38 min left" in capsys.readouterr().err


def test_a_run_that_failed_and_was_done_later_has_not_failed(tmp_path, finish, capsys):
    progress = Progress(STUDY, PLAN, tmp_path)
    note_failure(tmp_path, PLAN[0].id, ValueError("too large"))
    progress.report(1)
    finish(0)
    progress.report(1)
    assert "Runs finished: 1 of 12.\n" in capsys.readouterr().err


def test_the_table_so_far_has_means_and_numbers_of_seeds(tmp_path, finish):
    finish(0, 0.5)
    finish(4, 0.6)
    finish(7, 0.25)
    assert Progress(STUDY, PLAN, tmp_path).table().splitlines() == [
        "Balanced accuracy on test so far: mean (seeds)",
        "                labels 0.1     labels 1",
        "random          0.550 (2)      -",
        "random + twins  -              0.250 (1)",
    ]


def test_the_table_comes_once_in_a_while_and_at_the_end(tmp_path, finish, capsys):
    progress = Progress(STUDY, PLAN, tmp_path)
    for number in range(len(PLAN)):
        finish(number)
        progress.report(1)
    assert capsys.readouterr().err.count("so far") == 2
    assert module.TABLE_EVERY_S == 60
