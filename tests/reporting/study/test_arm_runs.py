from collections.abc import Callable
from pathlib import Path

from planned import share_pretraining

from twinlens.reporting.study.arm_runs import by_arm, has_history, having
from twinlens.reporting.study.load_study import read_study


def test_arms_that_share_a_pretraining_are_one_entry(
    tmp_path: Path, build_study: Callable[..., Path]
) -> None:
    folder = build_study(tmp_path / "study", arms=["none", "a", "b"], pretrained=["a"], seeds=2)
    share_pretraining(folder, "b", "pretrain-1")
    (folder / "runs" / "pretrain-1-0" / "history.parquet").unlink()
    study = read_study(folder)
    (pretraining,) = by_arm(study, "pretrain")
    assert (pretraining.title, pretraining.index, pretraining.of) == ("a and b", 1, ", a and b")
    assert [run.seed for run in pretraining.runs] == [0, 1]
    assert [arm.title for arm in by_arm(study, "train")] == ["none", "a", "b"]
    (recorded,) = having([pretraining], has_history)
    assert [run.seed for run in recorded.runs] == [1]
    assert having([pretraining], lambda _: False) == []
