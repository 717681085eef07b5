import json
from pathlib import Path

import twinlens
from stored_runs import pretrain_run
from stored_tuning import tuning_results
from twinlens.files import read_json


def test_compare_prints_the_schema_of_study_files(command_line):
    stored = Path(__file__).parents[2] / "studies" / "schema.json"
    assert json.loads(command_line("compare", "--schema")) == read_json(stored)


def test_the_number_of_workers_is_chosen_unless_it_is_given(command_line, monkeypatch):
    asked = []
    monkeypatch.setattr(twinlens.compare, "run", lambda request: asked.append(request.workers))
    for words in ([], ["--workers", "3"]):
        command_line("compare", "study.yaml", "--out", "out", "--dry-run", *words)
    assert asked == [0, 3]


def test_init_writes_a_study_file_that_compare_can_plan(command_line, phantoms, tmp_path):
    study = tmp_path / "study.yaml"
    assert f"Study file: {study}" in command_line("init", phantoms, "--out", study)
    assert "exists already" in command_line("init", phantoms, "--out", study, code=2)


def test_the_report_is_opened_in_a_browser_if_asked(command_line, tmp_path, monkeypatch):
    opened = []
    monkeypatch.setattr("webbrowser.open", opened.append)
    pretrain_run(verdict=["It worked."]).write(tmp_path / "run.json")
    command_line("report", tmp_path)
    assert opened == []
    command_line("report", tmp_path, "--open")
    assert opened == [(tmp_path / "report.html").as_uri()]


def test_the_shell_can_complete_commands(command_line):
    assert "--install-completion" in command_line("--help")


def test_a_search_ends_with_the_best_trial_and_the_command_that_tests_it(command_line, tmp_path):
    tuning_results().write(tmp_path / "tuning.json")
    text = command_line("report", tmp_path)
    assert "Trial 2: 0.550; own settings: 0.450 on the same folds." in text
    assert "On folds that took no part in the selection: +0.090." in text
    assert f"Report: {tmp_path / 'report.html'}" in text
    best = f"twinlens compare {tmp_path / 'best.yaml'} --out results"
    assert f"Next, to test the best settings once: {best}" in text
