import json
from pathlib import Path

from stored_runs import pretrain_run
from twinlens.files import read_json


def test_compare_prints_the_schema_of_study_files(command_line):
    stored = Path(__file__).parents[2] / "studies" / "schema.json"
    assert json.loads(command_line("compare", "--schema")) == read_json(stored)


def test_init_writes_a_study_file_that_compare_can_plan(command_line, phantoms, tmp_path):
    study = tmp_path / "study.yaml"
    assert f"Study file: {study}" in command_line("init", phantoms, "--out", study)
    assert "exists already" in command_line("init", phantoms, "--out", study, code=2)


def test_the_report_is_opened_in_a_browser_if_asked(command_line, tmp_path, monkeypatch):
    pretrain_run(verdict=["It worked."]).write(tmp_path / "run.json")
    monkeypatch.setenv("BROWSER", "echo OPENED %s")
    assert "OPENED" not in command_line("report", tmp_path)
    page = (tmp_path / "report.html").as_uri()
    assert f"OPENED {page}" in command_line("report", tmp_path, "--open")


def test_the_shell_can_complete_commands(command_line):
    assert "--install-completion" in command_line("--help")
