import json
from importlib.metadata import version
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def sbom():
    spec = spec_from_file_location("sbom", ROOT / "tools" / "sbom.py")
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_bill_is_a_closed_graph_of_packages_with_versions_and_licences(sbom):
    bill = sbom.bill(sbom.closure("twinlens")[0])
    assert (bill["bomFormat"], bill["specVersion"]) == ("CycloneDX", "1.5")
    parts = [bill["metadata"]["component"], *bill["components"]]
    refs = [part["bom-ref"] for part in parts]
    assert len(refs) == len(set(refs)) > 50
    assert {entry["ref"] for entry in bill["dependencies"]} == set(refs)
    assert all(set(entry["dependsOn"]) <= set(refs) for entry in bill["dependencies"])
    for part in parts:
        assert set(part) >= {"type", "name", "version", "purl", "licenses"}
        assert part["purl"].endswith(f"@{part['version']}")
    versions = {part["name"]: part["version"] for part in parts}
    assert versions["numpy"] == version("numpy")
    assert "filelock" in versions  # torch and ours need it


def test_what_is_in_the_repository_lists_the_core(sbom):
    stored = {part["name"] for part in json.loads(sbom.SBOM.read_text())["components"]}
    core = sbom.needs(sbom.distribution("twinlens"), set())
    assert {sbom.canonicalize_name(needed.name) for needed in core} <= stored
    page = sbom.LICENCES.read_text()
    assert all(f"| {name} |" in page for name in stored)
