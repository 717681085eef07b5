import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from html_page import Page
from judged import change_results, change_rows

from twinlens.errors import UserError
from twinlens.files import read_json, write_json
from twinlens.reporting.report import report
from twinlens.reporting.study.load_study import read_study

Build = Callable[..., Path]


def test_runs_outside_the_plan_are_left_out(tmp_path: Path, build_study: Build) -> None:
    folder = build_study(tmp_path / "study", pretrained=[], seeds=2)
    shutil.copytree(folder / "runs" / "train-1-1-0", folder / "runs" / "of-an-earlier-study")
    assert sorted({run.name for run in read_study(folder).runs}) == [
        "train-0-1-0", "train-0-1-1", "train-1-1-0", "train-1-1-1",
    ]  # fmt: skip


def test_results_that_lack_a_part_are_refused(tmp_path: Path) -> None:
    (tmp_path / "results.json").write_text('{"title": "a", "primary_metric": "accuracy"}')
    with pytest.raises(UserError, match=r"is damaged.*'min_effect'"):
        read_study(tmp_path)


def test_folder_without_results_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"holds no results\.json: give the folder of a study"):
        read_study(tmp_path)


def test_label_fractions_are_found_exactly(tmp_path: Path, build_study: Build) -> None:
    study = read_study(
        build_study(tmp_path / "study", pretrained=[], seeds=1, label_fractions=(1 / 3,))
    )
    assert study.label_fractions == [1 / 3]
    assert len(study.runs_of("train", arm="random", label_fraction=study.label_fractions[0])) == 1
    assert study.summary("random", study.label_fractions[0], study.primary)


def test_pretraining_serves_the_arms_that_need_it(tmp_path: Path, build_study: Build) -> None:
    study = read_study(build_study(tmp_path / "study", seeds=2))
    assert [run.arms for run in study.runs_of("pretrain")] == [("random + Barlow Twins",)] * 2
    assert [run.seed for run in study.runs_of("train", arm="random")] == [0, 1]


def test_reference_comes_first(tmp_path: Path, build_study: Build) -> None:
    folder = build_study(
        tmp_path / "study", arms=["a", "b"], pretrained=[], seeds=1, results={"reference": "b"}
    )
    assert read_study(folder).arms == ["b", "a"]


@pytest.mark.parametrize("images", ["all", "unlabelled"])
def test_every_table_and_figure_marks_transductive_arms(
    tmp_path: Path, build_study: Build, images: str
) -> None:
    arms = ["none", "twins of a name so long that no drawing has room for it"]
    folder = build_study(tmp_path / "study", arms=arms, pretrained=arms[1:], seeds=2,
                         label_fractions=(1.0, 0.1), pretraining={"images": images})  # fmt: skip
    page = Page(report(folder))
    shown = " ".join([page.text, *page.labels])
    marked = shown.count(f"{arms[1]} (transductive)")
    if images != "all":
        assert marked == page.text.count("ransductive") == 0
        return
    parts = [part for part in re.split(r"<section|<figure|</figure>", page.html) if arms[1] in part]
    assert len(parts) > 12
    assert marked == shown.count(arms[1]) - _unmarked(shown, arms[1])
    assert "… it (transductive), 10 %" in page.text
    assert "none (transductive)" not in page.text


def test_an_arm_that_starts_from_a_transductive_file_is_marked(
    tmp_path: Path, build_study: Build
) -> None:
    folder = build_study(tmp_path / "study", arms=["none", "file"], pretrained=[], seeds=1)
    path = folder / "runs" / "train-1-1-0" / "run.json"
    content = read_json(path)
    content["transductive"] = True
    write_json(path, content)
    assert read_study(folder).transductive == ["file"]


def _unmarked(text: str, arm: str) -> int:
    """Count the places that quote files, and the notice, which says it in its own words."""
    settings = text.count(f"- {arm}")
    return settings + text.count(f"the pretraining of {arm} has seen")


def test_the_arm_shown_first_is_that_of_the_verdict(tmp_path: Path, build_study: Build) -> None:
    folder = build_study(tmp_path / "study", arms=["random", "a", "b"], pretrained=[], seeds=2)
    changed = {"a": {"mean": 0.1, "n": 2}, "b": {"mean": 0.9, "n": 1}}  # b: higher, of one seed
    change_rows(folder, "differences", lambda row: row | changed[row["arm"]])
    assert read_study(folder).best_other == "a"
    change_results(folder, differences=[])  # the reference is not finished
    change_rows(folder, "summaries", lambda r: r | ({"mean": 2} if r["arm"] == "b" else {}))
    assert read_study(folder).best_other == "b"
