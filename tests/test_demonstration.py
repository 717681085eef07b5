import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

from twinlens import demonstration as module
from twinlens.data.dataset import open_dataset
from twinlens.demonstration import SIZES, Size, choose_size, demo, seconds_per_pass
from twinlens.reporting.report import report
from twinlens.study.compare import compare


@pytest.fixture
def tiny(monkeypatch):
    monkeypatch.setattr(module, "SIZES", (Size(1, (1.0, 0.5), passes=10),))
    monkeypatch.setattr(module, "_IMAGES", 480)


@pytest.mark.slow
def test_the_demo_imports_its_images_and_plans_its_study(tmp_path, monkeypatch, capsys, tiny):
    planned = []

    def dry(study, out, **options):
        planned.append((Path(study).name, options))
        if "settings" in options:
            options["settings"] += ("train.batch_size=2",)
        return compare(study, out, dry_run=True, resume=True, device="cpu", **options)

    monkeypatch.setattr(module, "compare", dry)
    demo(tmp_path / "demo")
    assert len(open_dataset(tmp_path / "demo" / "data").table) == 480
    told = capsys.readouterr().err
    assert "draws 480 small synthetic images" in told
    assert "only 12 training images" in told
    assert "360 images without a label" in told
    assert "4 arms x 5 seeds x 2 label fractions" in told
    # A study that was begun keeps its size; --overwrite removes it, and nothing else.
    study, photo = tmp_path / "demo" / "study", tmp_path / "demo" / "photo.jpg"
    study.mkdir()
    data = tmp_path / "demo" / "data"
    (study / "study.yaml").write_text(
        f"{{data: {data}, encoder: resnet18_quarter, train: {{batch_size: 2}}, arms: {{a: {{}}}}}}"
    )
    photo.touch()
    demo(tmp_path / "demo")
    assert "settings" not in planned[-1][1]
    demo(tmp_path / "demo", overwrite=True)
    assert [name for name, _ in planned] == ["demo.yaml", "study.yaml", "demo.yaml"]
    assert not study.exists()
    assert photo.exists()


def test_the_size_is_the_largest_that_this_machine_does_in_minutes():
    assert seconds_per_pass() > 0
    assert choose_size(1e-4, 2) == SIZES[0]
    assert choose_size(1e3, 2) == SIZES[-1]
    per_pass = 2 * 250 / SIZES[1].passes  # 250 seconds and the overhead
    assert choose_size(per_pass, 2) == SIZES[1]
    assert choose_size(per_pass, 1) != SIZES[1]


@pytest.mark.slow
def test_its_tables_follow_from_its_stored_predictions(tmp_path, monkeypatch, tiny):
    def brief(study, out, *, settings, **_):
        short = ["seeds=2", "train.batch_size=2", "train.epochs=1", "train.tta=1", "precision=fp32"]
        return compare(study, out, settings=[*settings, *short], device="cpu")

    monkeypatch.setattr(module, "compare", brief)
    study = demo(tmp_path / "demo")
    page = report(study).read_text(encoding="utf-8")
    assert "Most confident errors" in page
    assert "predicted " in page
    assert len(pd.read_csv(study / "tables" / "arms.csv")) == 8  # four arms, two fractions
    script = Path(__file__).parents[1] / "examples" / "recompute.py"
    done = subprocess.run([sys.executable, script, study], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count("figures, largest deviation") == 2
