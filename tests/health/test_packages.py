from importlib.metadata import version

import pytest

from twinlens.health import packages
from twinlens.health.packages import check_packages, compare_versions, read_constraints


def _texts():
    return "\n".join(map(str, check_packages()))


@pytest.mark.parametrize(
    ("needed", "line"),
    [
        ("numpy>=2.0", "ok     Packages: all 1 that"),
        ("numpy>=999", "BROKEN numpy: is version"),
        ("no-such-package>=1", "BROKEN no-such-package: is not installed"),
        ('no-such-package; extra == "x"', "note   Extra x: not installed (no-such-package). pip"),
        ('numpy>=2; extra == "x"', f"ok     Extra x: numpy {version('numpy')}"),
        ('numpy>=999; extra == "x"', "BROKEN numpy: is version"),
    ],
)
def test_what_is_missing_comes_with_the_command_that_installs_it(monkeypatch, needed, line):
    monkeypatch.setattr(packages, "requires", lambda _: [needed])
    assert line in _texts()


def test_versions_are_compared_with_the_tested_ones(tmp_path):
    file = tmp_path / "constraints.txt"
    file.write_text("# tested\nnumpy==0.1\nno-such-package==3\n")
    (other,) = compare_versions(read_constraints(file))
    assert f"numpy {version('numpy')} (tested: 0.1)" in str(other)
    (same,) = compare_versions({"NumPy": version("numpy")})
    assert same.level == "ok"
    (unknown,) = compare_versions(read_constraints(tmp_path / "none.txt"))
    assert "not known here" in str(unknown)


def test_without_metadata_versions_are_not_checked(monkeypatch):
    def missing(_):
        raise packages.PackageNotFoundError

    monkeypatch.setattr(packages, "requires", missing)
    assert "runs without being installed" in _texts()
