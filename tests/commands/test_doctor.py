import shutil

import pytest


@pytest.mark.parametrize("damaged", [False, True])
def test_the_exit_code_says_whether_something_is_broken(phantoms, tmp_path, command_line, damaged):
    data = shutil.copytree(phantoms, tmp_path / "data")
    if damaged:
        (data / "pack.npy").unlink()
    out = command_line("doctor", str(data), code=int(damaged))
    assert ("BROKEN" in out) is damaged
    assert all(line.startswith(("ok ", "note ", "BROKEN ")) for line in out.splitlines())
