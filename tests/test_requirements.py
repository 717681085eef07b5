"""The files that pin versions agree."""

import re
from pathlib import Path

from packaging.requirements import Requirement

ROOT = Path(__file__).parents[1]


def _pins(name):
    """Return the text of each requirement of a file."""
    text = (ROOT / name).read_text(encoding="utf-8").replace("\\\n", " ")
    return [line for line in text.splitlines() if line.strip() and not line.startswith("#")]


def test_the_file_with_hashes_has_the_versions_that_are_tested():
    tested = {
        line.split("==")[0].lower().replace("_", "-"): line for line in _pins("constraints.txt")
    }
    hashed = [Requirement(line.split("--hash")[0]) for line in _pins("requirements.txt")]
    names = {requirement.name.replace("_", "-") for requirement in hashed}
    assert {"torch", "lightning-fabric", "fastapi", "onnxruntime", "timm"} <= names
    for requirement in hashed:
        pinned = tested.get(requirement.name.replace("_", "-"))
        if pinned:  # packages of other systems and of the GPU are not
            assert str(requirement.specifier) == f"=={pinned.split('==')[1].split()[0]}"
    assert len(names & set(tested)) > 80


def test_every_pin_of_that_file_has_the_hash_of_a_file():
    for line in _pins("requirements.txt"):
        assert re.search(r"==\S+ .*--hash=sha256:[0-9a-f]{64}", line), line[:60]
