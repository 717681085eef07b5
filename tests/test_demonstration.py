import subprocess
import sys
from pathlib import Path

import pandas as pd

from twinlens import demonstration as module
from twinlens.data.dataset import open_dataset
from twinlens.demonstration import demo
from twinlens.reporting.study.page import report


def test_the_demo_imports_its_images_and_plans_its_study(tmp_path, monkeypatch, capsys):
    planned = {}

    def dry(study, out, *, settings):
        planned.update(study=study.name, out=out, settings=settings)
        return real(study, out, settings=settings, dry_run=True, device="cpu")

    real = module.compare
    monkeypatch.setattr(module, "compare", dry)
    monkeypatch.setattr(module, "IMAGES", "phantom:480")
    monkeypatch.setattr(module, "SIZE", 16)
    demo(tmp_path / "demo")
    assert len(open_dataset(tmp_path / "demo" / "data").table) == 480
    assert planned["study"] == "demo.yaml"
    said = capsys.readouterr().err
    assert "synthetic" in said
    assert "2 arms x 3 seeds" in said
    study, photo = tmp_path / "demo" / "study", tmp_path / "demo" / "photo.jpg"
    study.mkdir()
    (study / "study.yaml").touch()
    photo.touch()
    demo(tmp_path / "demo", overwrite=True)
    assert not study.exists()
    assert photo.exists()


def test_its_tables_follow_from_its_stored_predictions(tmp_path, monkeypatch):
    def brief(study, out, *, settings):
        short = ["train.epochs=1", "train.tta=1", "pretrain.epochs=1", "pretrain.lr=1e-3"]
        return real(
            study, out, settings=[*settings, "seeds=2", "precision=fp32", *short], device="cpu"
        )

    real = module.compare
    monkeypatch.setattr(module, "compare", brief)
    monkeypatch.setattr(module, "IMAGES", "phantom:640")
    monkeypatch.setattr(module, "SIZE", 16)
    study = demo(tmp_path / "demo")
    report(study)
    assert len(pd.read_csv(study / "tables" / "arms.csv")) == 4  # two arms, two label fractions
    script = Path(__file__).parents[1] / "examples" / "recompute.py"
    done = subprocess.run([sys.executable, script, study], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count("figures, largest deviation") == 2
