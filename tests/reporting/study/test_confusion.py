from collections.abc import Callable
from pathlib import Path

import pytest

from twinlens.reporting.study.confusion import confusions
from twinlens.reporting.study.load_study import read_study


def test_confusion_sums_seeds_and_puts_groups_together(
    tmp_path: Path, build_study: Callable[..., Path]
) -> None:
    study = read_study(build_study(tmp_path / "study", label_fractions=(0.1, 1.0)))
    matrix = confusions(study)[1]
    assert matrix.classes == ["MEL", "BCC", "NV", "BKL", "VASC"]
    assert matrix.breaks == [2]
    runs = study.runs_of("train", arm=matrix.arm, label_fraction=1.0)
    assert len(runs) == 3
    names = study.classes
    for i, true in enumerate(matrix.classes):
        for j, predicted in enumerate(matrix.classes):
            by_seed = [
                run.test.confusion[names.index(true)][names.index(predicted)]
                for run in runs
                if run.test
            ]
            assert matrix.counts[i][j] == sum(by_seed)
        assert sum(share or 0 for share in matrix.shares[i]) == pytest.approx(1)
