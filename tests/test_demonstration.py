from twinlens import demonstration as module
from twinlens.data.dataset import open_dataset
from twinlens.demonstration import demo


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
