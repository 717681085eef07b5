import shutil
from collections.abc import Callable
from pathlib import Path

from html_page import Page

from twinlens.reporting.report import report

Build = Callable[..., Path]


def test_failed_and_unfinished_runs_are_listed_once(tmp_path: Path, build_study: Build) -> None:
    failure = {"run": "train-1-1-2", "reason": "Out of memory: choose a batch of 32."}
    folder = build_study(tmp_path / "study", pretrained=[], results={"failures": [failure]})
    shutil.rmtree(folder / "runs" / "train-1-1-2")
    shutil.rmtree(folder / "runs" / "train-1-1-1")
    (folder / "runs" / "train-0-1-1" / "run.json").write_text("{")
    (folder / "runs" / "train-0-1-2" / "history.parquet").write_text("no parquet")
    text = Page(report(folder)).text
    assert "4 runs have not finished" in text
    assert text.count("Out of memory: choose a batch of 32.") == 1
    assert text.count("It did not finish.") == 1
    assert "run.json is not valid JSON" in text


def test_command_and_hashes_to_run_it_again(tmp_path: Path, build_study: Build) -> None:
    study = build_study(tmp_path / "study", pretrained=[], seeds=1)
    page = Page(report(study))
    assert f"twinlens compare {study / 'study.yaml'} --out {study}-again" in page.text
    assert "ab" * 32 in page.text
    assert "cd" * 32 in page.text
