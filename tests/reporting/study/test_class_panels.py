from collections.abc import Callable
from pathlib import Path

from twinlens.reporting.study.class_panels import class_f1
from twinlens.reporting.study.load_study import read_study


def test_class_f1_is_each_seeds_own(tmp_path: Path, build_study: Callable[..., Path]) -> None:
    study = read_study(build_study(tmp_path / "study", label_fractions=(0.1, 1.0)))
    runs = study.runs_of("train", arm="random", label_fraction=1.0)
    expected = [run.test.per_class["MEL"].f1 for run in runs if run.test]
    assert class_f1(study, "random", "MEL") == expected
