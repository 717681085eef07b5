import pytest
from typer.testing import CliRunner

from twinlens import cli
from twinlens.models.encoders import build_encoder
from twinlens.models.tensor_files import save_tensors


@pytest.fixture
def weights():
    """Runs a command of `twinlens weights`; returns what it prints."""

    def run(*words, code=0):
        result = CliRunner().invoke(cli.app, ["weights", *map(str, words)])
        assert result.exit_code == code, result.output
        return result.output

    return run


@pytest.fixture
def file(tmp_path):
    save_tensors(tmp_path / "w.safetensors", build_encoder("resnet18", seed=1).state_dict())
    return tmp_path / "w.safetensors"


def test_the_list_has_one_line_per_entry(weights, monkeypatch, tmp_path):
    monkeypatch.setenv("TWINLENS_CACHE", str(tmp_path))
    (tmp_path / "vicreg.pth").write_bytes(b"x")
    shown = weights("list")
    lines = {line.split()[0]: line.split()[1:] for line in shown.splitlines()}
    assert lines["vicreg"] == ["resnet50", "94", "MIT", "yes"]
    assert lines["barlow_twins"] == ["resnet50", "?", "MIT", "no"]
    assert str(tmp_path) in shown


def test_a_file_that_does_not_fit_ends_with_exit_code_1(weights, file):
    shown = weights("check", file, "--encoder", "resnet34", code=1)
    assert f"{file}: does not fit: " in shown
    assert "Sum of the parameters: " in shown


def test_a_file_that_fits_is_described_and_drawn(weights, file, tmp_path):
    picture = tmp_path / "f.png"
    shown = weights("check", file, "--encoder", "resnet18", "--picture", picture)
    assert "layer4.1.conv2.weight" in shown
    assert "does not fit" not in shown
    assert picture.is_file()
