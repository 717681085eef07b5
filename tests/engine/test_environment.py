import subprocess

import pytest
import torch

from twinlens.engine.device import make_fabric
from twinlens.engine.environment import describe_environment, read_checkout
from twinlens.records.run import Checkout


def _git(folder, *arguments):
    identity = ["-c", "user.name=Someone", "-c", "user.email=someone@example.org"]
    command = ["git", "-C", str(folder), *identity, *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


@pytest.fixture
def checkout(tmp_path):
    """A git repository with one commit of one file."""
    _git(tmp_path, "init", "-q")
    (tmp_path / "study.yaml").write_text("seeds: 3\n")
    _git(tmp_path, "add", ".")
    _git(tmp_path, "commit", "-q", "-m", "Begin")
    return tmp_path


def test_the_environment_names_machine_and_packages():
    environment = describe_environment(make_fabric("fp32", "cpu"))
    assert torch.__version__.startswith(environment.packages["torch"])  # +cu130 may follow
    assert environment.device == "cpu"
    assert environment.processor


def test_a_run_records_the_commit_and_whether_tracked_files_were_changed(checkout, monkeypatch):
    monkeypatch.chdir(checkout)
    commit = _git(checkout, "rev-parse", "HEAD")
    clean = Checkout(of="working directory", commit=commit, dirty=False)
    (checkout / "results").write_text("untracked")
    assert clean in describe_environment(make_fabric("fp32", "cpu")).checkouts
    (checkout / "study.yaml").write_text("seeds: 5\n")
    assert read_checkout(checkout, "working directory") == clean.model_copy(update={"dirty": True})


def test_outside_of_a_checkout_or_without_git_nothing_is_recorded(
    checkout, tmp_path_factory, monkeypatch
):
    installed = checkout / "ignored.py"
    installed.touch()
    assert read_checkout(checkout, "twinlens", tracked=installed) is None
    assert read_checkout(tmp_path_factory.mktemp("outside"), "working directory") is None
    monkeypatch.setenv("PATH", "")
    assert read_checkout(checkout, "working directory") is None
