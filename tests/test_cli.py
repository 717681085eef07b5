import json
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
from PIL import Image
from typer.testing import CliRunner

from twinlens import cli
from twinlens.data.dataset import open_dataset
from twinlens.files import read_json

COMMANDS = (
    "import", "split", "audit", "show-views", "pretrain", "train", "evaluate", "predict", "compare",
    "report", "demo", "weights",
)  # fmt: skip


def _run(*words, code=0):
    """Run the command line in this process, as `main` does."""
    command = [sys.executable, "-m", "twinlens.cli", *map(str, words)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == code, done.stderr
    assert "Traceback" not in done.stderr
    return done.stdout + done.stderr


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


def test_the_main_job_step_by_step(tmp_path):
    data, pre, run = tmp_path / "data", tmp_path / "twins", tmp_path / "run"
    out = _run("import", "phantom:200", "--out", data, "--size", 32)
    assert "200 images of 8 classes" in out
    out = _run("split", data, "--per-class", 6, "--val", 0.2, "--test", 0.3, "--name", "six")
    assert "Split 'six'" in out
    quick = ["--set", "epochs=1", "--set", "batch_size=16", "--set", "lr=0.001"]
    out = _run(
        "pretrain", data, "--out", pre, "--encoder", "resnet18", "--split", "six", *quick,
        "--set", "projector=[16]", "--set", "monitor_points=1", "--precision", "fp32",
    )  # fmt: skip
    for sentence in read_json(pre / "run.json")["verdict"]:
        assert sentence in out
    assert f"Report: {pre / 'report.html'}" in out
    assert (pre / "report.html").stat().st_size > 10_000
    out = _run("train", data, "--out", run, "--pretrained", pre, "--split", "six", *quick)
    assert "test: accuracy" in out
    out = _run("evaluate", run / "model", data, "--split", "six:test", "--tta", 1)
    assert "balanced accuracy" in out
    assert "MEL" in out

    photos = tmp_path / "photos"
    photos.mkdir()
    Image.fromarray(open_dataset(data).images[0]).save(photos / "one.png")
    (photos / "two.jpg").write_text("no image")
    table = tmp_path / "predictions.csv"
    _run("predict", run / "model", photos, "--out", table, code=1)
    rows = pd.read_csv(table).set_index("file")
    good, bad = rows.loc[str(photos / "one.png")], rows.loc[str(photos / "two.jpg")]
    assert good.filter(like="p_").sum() == pytest.approx(1, abs=1e-5)
    assert good["predicted"] == good.filter(like="p_").astype(float).idxmax()[2:]
    assert pd.isna(bad["predicted"])
    assert bad["error"] == "not an image in a known format"


def test_an_audit_prints_what_leaks_and_fixes_it(leaking):
    out = _run("audit", leaking, "--strict", code=1)
    assert "Split 'imported' LEAKS: 1 group and 3 near-duplicate pairs" in out
    assert str(leaking / "audit" / "audit.html") in out
    assert "Split 'imported-fixed' repairs 'imported'" in _run("audit", leaking, "--fix")
    out = _run("audit", leaking, "--split", "imported-fixed", "--strict")
    assert "LEAKS" not in out
    assert "Unknown split 'fixed'" in _run("audit", leaking, "--split", "fixed", code=2)


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
        (["compare", "none.yaml", "--out", "x"], "none.yaml is not a file"),
        (["report", "nowhere"], "nowhere"),
    ],
)
def test_a_users_mistake_is_one_sentence_and_exit_code_2(words, sentence, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    out = _run(*words, code=2)
    assert out.startswith("twinlens: ")
    assert sentence in out
    assert len(out.strip().splitlines()) == 1
    assert not [*Path(tmp_path).iterdir()]


def test_compare_prints_the_schema_of_study_files():
    stored = Path(__file__).parents[1] / "studies" / "schema.json"
    assert json.loads(_run("compare", "--schema")) == read_json(stored)
