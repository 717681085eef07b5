import json

import numpy as np
import pytest

from twinlens.data.dataset import open_dataset
from twinlens.data.splits import open_split
from twinlens.errors import UserError
from twinlens.files import atomic_folder
from twinlens.health.folders import check_folder


def _flip_a_bit(path, at):
    content = bytearray(path.read_bytes())
    content[at] ^= 1
    path.write_bytes(content)


def _forget_a_row(data):
    record = json.loads((data / "dataset.json").read_text())
    (data / "dataset.json").write_text(json.dumps(record | {"images": record["images"] + 1}))


def test_an_intact_data_set_is_found_intact(data, levels):
    found = [*check_folder(data)]
    assert {finding.level for finding in found} == {"ok"}
    assert open_dataset(data).hash[:12] in str(found[0])
    assert open_split(open_dataset(data)).hash[:12] in str(found[1])


@pytest.mark.parametrize(
    ("damage", "sentence"),
    [
        (lambda data: _flip_a_bit(data / "pack.npy", -100), "were changed"),
        (lambda data: (data / "pack.npy").unlink(), "is damaged"),
        (lambda data: np.save(data / "pack.npy", np.zeros((2, 2))), "is damaged"),
        (lambda data: (data / "images.parquet").write_bytes(b"PAR1"), "is damaged"),
        (lambda data: (data / "dataset.json").write_text("{"), "is not valid JSON"),
        (lambda data: (data / "splits" / "imported.parquet").unlink(), "is missing: restore it"),
        (_forget_a_row, "the table has 160 rows, dataset.json says 161"),
    ],
)
def test_damage_to_a_data_set_is_found(data, damage, sentence, levels):
    damage(data)
    assert sentence in levels(check_folder(data))["BROKEN"]


def test_what_an_interruption_has_left_is_told_from_what_is_being_made(tmp_path, data, levels):
    with atomic_folder(tmp_path / "run", marker="run.json"):
        assert "is making it right now" in levels(check_folder(tmp_path / "run"))["note"]
    (tmp_path / "other.partial").mkdir()
    (tmp_path / "other.partial" / ".lock").touch()  # of a process that was killed
    assert "The same command resumes it" in levels(check_folder(tmp_path / "other.partial"))["note"]
    data.rename(tmp_path / "data.old")
    assert "rename it to data" in levels(check_folder(data))["BROKEN"]
    data.mkdir()
    assert "Delete it" in levels(check_folder(data))["note"]


def test_a_folder_that_is_not_ours_is_a_sentence(tmp_path):
    with pytest.raises(UserError, match="holds no data set, run, study"):
        [*check_folder(tmp_path)]
