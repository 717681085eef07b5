import pytest
import torch
from safetensors.torch import save_file

from twinlens.health.files import check_files


@pytest.mark.parametrize(
    ("name", "content", "sentence"),
    [
        ("run.json", b"{}", "is damaged, or written by another version"),
        ("x.json", b"{", "is not valid JSON"),
        ("history.parquet", b"PAR1", "is damaged"),
        ("encoder.safetensors", b"12345678", "no safetensors file"),
        ("model/bundle.json", b'{"version": 99}', "update Twinlens"),
        ("ensemble.json", b"[]", "damaged"),
    ],
)
def test_a_damaged_file_is_found(tmp_path, levels, name, content, sentence):
    (tmp_path / name).parent.mkdir(exist_ok=True)
    (tmp_path / name).write_bytes(content)
    found = levels(check_files(tmp_path))
    assert sentence in found["BROKEN"]
    assert "ok" not in found


def test_weights_that_are_not_finite_are_found(tmp_path, levels):
    save_file({"a": torch.tensor([1.0, torch.nan])}, tmp_path / "encoder.safetensors")
    assert "a is not finite" in levels(check_files(tmp_path))["BROKEN"]


def test_a_file_that_was_being_written_is_named(tmp_path, levels):
    (tmp_path / ".x.json.1a2b.tmp").write_text("{")
    found = levels(check_files(tmp_path))
    assert "was being written" in found["note"]
    assert "all 0 records" in found["ok"]
