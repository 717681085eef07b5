"""docs/extending.md shows real additions: each of its diffs applies to the code as it is."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
TEXT = (ROOT / "docs" / "extending.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("diff", re.findall(r"```diff\n(.*?)```", TEXT, re.DOTALL))
def test_a_documented_addition_applies(diff):
    git = shutil.which("git")
    if git is None or not (ROOT / ".git").exists():
        pytest.skip("needs a clone and git")
    check = [git, "apply", "--check", "-"]
    done = subprocess.run(check, cwd=ROOT, input=diff, capture_output=True, text=True)
    assert not done.returncode, done.stderr
