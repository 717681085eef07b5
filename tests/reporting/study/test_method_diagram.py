from collections.abc import Callable
from pathlib import Path

import pytest
from diagrams import box_titles, build_four_arms
from html_page import drawing

from twinlens.reporting.study.load_study import read_study
from twinlens.reporting.study.method_diagram import embedding_panels

Build = Callable[..., Path]


def test_a_joint_embedding_has_the_numbers_of_its_pretraining(
    tmp_path: Path, build_study: Build
) -> None:
    (panel,) = embedding_panels(read_study(build_four_arms(tmp_path / "study", build_study)))
    assert (panel.title, panel.note) == ("Barlow Twins", "Of twins and twins, probed.")
    for text in ("128", "512", "256", "λ 0.0051", "shared"):
        assert f">{text}</text>" in drawing(panel)


@pytest.mark.parametrize(
    ("settings", "projectors", "texts"),
    [
        ({"method": "byol", "predictor": [1024]}, 2, ["predictor 1024"]),
        ({"method": "dino", "local_views": 4}, 1, ["+ 4 small"]),
    ],
)
def test_a_teacher_has_a_way_of_its_own(
    tmp_path: Path, build_study: Build, settings: dict, projectors: int, texts: list[str]
) -> None:
    changed = {"pretrain-1": {"teacher_momentum": 0.99} | settings}
    (panel,) = embedding_panels(
        read_study(build_four_arms(tmp_path / "study", build_study, **changed))
    )
    assert box_titles(drawing(panel)).count("projector") == projectors
    assert drawing(panel).count(">resnet18</text>") == 2
    for text in ("student", "teacher", "keeps 0.99", *texts):
        assert f">{text}</text>" in drawing(panel)
