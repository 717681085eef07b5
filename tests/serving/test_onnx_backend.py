import importlib.metadata as metadata
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import httpx
import pytest
from packaging.requirements import Requirement

from twinlens.errors import UserError
from twinlens.exporting.onnx_file import read_metadata, write_metadata
from twinlens.serving.onnx_backend import OnnxBackend

ROOT = Path(__file__).parents[2]

BLOCKED = """
import sys
missing = set(sys.argv.pop(1).split(","))
class Finder:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in missing:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
sys.meta_path.insert(0, Finder())
from twinlens.cli import main
main()
"""


def _closure(names):
    """The packages, and all that they need, as pip would install them."""
    found, left = set(), [*names]
    while left:
        name = re.sub("[-_.]+", "-", left.pop()).lower()
        if name in found:
            continue
        found.add(name)
        for text in metadata.requires(name) or ():
            needed = Requirement(text)
            if needed.marker is None or needed.marker.evaluate({"extra": ""}):
                left.append(needed.name)
    return found


def _others(packages):
    """The modules of all installed packages but some."""
    for module, owners in metadata.packages_distributions().items():
        if not {re.sub("[-_.]+", "-", owner).lower() for owner in owners} & {*packages, "twinlens"}:
            yield module


def test_the_packages_of_the_dockerfile_suffice_to_serve_a_file(onnx_file, image):
    (line,) = re.findall(r"constraints\.txt \\\n(.*?)&&", (ROOT / "Dockerfile").read_text(), re.S)
    packages = _closure(line.replace("\\", " ").split())
    assert not packages & {"torch", "pandas", "scikit-learn", "scipy", "lightning-fabric"}
    missing = {*_others(packages)}
    assert {"torch", "pandas", "onnx"} <= missing
    words = [",".join(missing), "serve", str(onnx_file), "--port", "0"]
    command = [sys.executable, "-c", BLOCKED, *words]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    try:
        line = process.stderr.readline()
        assert "http" in line, line + process.stderr.read()
        address = re.search(r"http://[\d.:]+", line)[0]
        assert httpx.get(f"{address}/health").json()["status"] == "ok"
        answer = httpx.post(f"{address}/predict", files={"images": image()}).json()["answers"][0]
        assert sum(each["probability"] for each in answer["classes"]) == pytest.approx(1)
        assert "Classify an image" in httpx.get(address).text
        assert (
            'twinlens_images_total{result="answered"} 1.0' in httpx.get(f"{address}/metrics").text
        )
    finally:
        process.terminate()
        process.communicate()


@pytest.mark.parametrize("key", ["classes", "class_titles", "size", "temperature"])
def test_a_file_without_its_metadata_is_refused(onnx_file, tmp_path, key):
    path = Path(shutil.copy(onnx_file, tmp_path))
    properties = read_metadata(path)
    del properties[key]
    write_metadata(path, properties)
    with pytest.raises(UserError, match=f"lacks what 'twinlens export' writes into it .*{key}"):
        OnnxBackend(path)


def test_a_file_of_before_there_were_groups_has_none(onnx_file, tmp_path):
    path = Path(shutil.copy(onnx_file, tmp_path))
    properties = read_metadata(path)
    assert json.loads(properties.pop("class_groups")) == ["malignant", "", ""]
    write_metadata(path, properties)
    assert [each.group for each in OnnxBackend(path).about.classes] == ["", "", ""]


def test_a_broken_or_missing_file_is_refused(tmp_path):
    (tmp_path / "a.onnx").write_bytes(b"no model")
    with pytest.raises(UserError, match="cannot be opened by onnxruntime"):
        OnnxBackend(tmp_path / "a.onnx")
    with pytest.raises(UserError, match="is not a file"):
        OnnxBackend(tmp_path / "b.onnx")
