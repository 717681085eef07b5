import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from twinlens import cli

COMMANDS = (
    "import", "split", "audit", "show-views", "pretrain", "train", "evaluate", "predict", "explain",
    "export", "push", "serve", "suggest", "label", "compare", "tune", "report", "demo", "doctor",
    "weights",
)  # fmt: skip


def test_help_names_every_command_and_needs_no_torch():
    result = CliRunner().invoke(cli.app, ["--help"])
    assert result.exit_code == 0
    for name in COMMANDS:
        assert f" {name} " in result.output
    code = "import sys, twinlens.cli; print({'torch', 'pandas', 'sklearn'} & set(sys.modules))"
    loaded = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert loaded.stdout.strip() == "set()"


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_explains_itself(name):
    result = CliRunner().invoke(cli.app, [name, "--help"])
    assert result.exit_code == 0
    assert "Usage" in result.output


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["import", "nowhere", "--out", "x"], "nowhere does not exist"),
        (["split", "nowhere"], "nowhere is not a data set"),
        (["train", "nowhere", "--out", "x"], "nowhere is not a data set"),
        (["audit", "nowhere"], "nowhere is not a data set"),
        (["train", "x", "--out", "y", "--set", "epochs"], "--set epochs: write it as key=value"),
        (["train", "x", "--out", "y", "--set", "epoch=1"], "Did you mean 'epochs'"),
        (["import", "x", "--out", "y", "--split-map", "pool"], "KEY=VALUE"),
        (["predict", "nowhere", "x.png"], "x.png does not exist"),
        (["export", "nowhere", "--out", "m.pt2", "--format", "torch"], "not a model bundle"),
        (["compare", "none.yaml", "--out", "x"], "none.yaml is not a file"),
        (["report", "nowhere"], "nowhere"),
        (["doctor", "nowhere"], "nowhere holds no data set, run, study"),
    ],
)
def test_a_users_mistake_is_one_sentence_and_exit_code_2(
    command_line, words, sentence, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    out = command_line(*words, code=2)
    assert out.startswith("twinlens: ")
    assert sentence in out
    assert len(out.strip().splitlines()) == 1
    assert not [*Path(tmp_path).iterdir()]


@pytest.mark.parametrize(
    ("command", "going_on"),
    [
        ("train", " The same command with --resume goes on from the last checkpoint."),
        ("compare", " The same command goes on where it stopped."),
        ("audit", ""),
    ],
)
def test_interrupted_it_says_how_to_go_on(monkeypatch, capsys, command, going_on):
    def interrupted():
        raise SystemExit(130)

    monkeypatch.setattr(cli, "app", interrupted)
    monkeypatch.setattr(sys, "argv", ["twinlens", command, "data"])
    with pytest.raises(SystemExit) as stopped:
        cli.main()
    assert stopped.value.code == 130
    assert capsys.readouterr().err == f"twinlens: Interrupted.{going_on}\n"
