import shutil
from types import SimpleNamespace

import pytest

from twinlens.health import machine
from twinlens.health.machine import check_disk, check_machine


def test_the_machine_is_described():
    text = "\n".join(map(str, check_machine()))
    for subject in ("Processor", "Memory", "Disk of", "GPU"):
        assert subject in text


@pytest.mark.parametrize(("free", "level"), [(10**9, "note"), (10**11, "ok")])
def test_a_disk_with_little_room_is_noted(tmp_path, monkeypatch, free, level):
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=free))
    assert check_disk(tmp_path).level == level


def test_a_folder_that_cannot_be_written_to_is_noted(tmp_path, monkeypatch):
    monkeypatch.setattr(machine.os, "access", lambda *_: False)
    assert "cannot be written to" in str(check_disk(tmp_path))
