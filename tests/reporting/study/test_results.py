from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
from html_page import Page
from judged import ADVICE, EQUIVALENT, change_rows, judge, read_results

from stored_runs import predictions_run
from twinlens.evaluation.metrics import METRICS
from twinlens.files import read_json
from twinlens.reporting import formatting as wording
from twinlens.reporting.report import report
from twinlens.reporting.study.load_study import read_study
from twinlens.reporting.study.results import content, equivalent_labels

Build = Callable[..., Path]

CLASSES = ["MEL", "NV", "BCC", "BKL", "VASC"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, build_study: Build) -> Path:
    arms = [f"arm {n}" for n in range(8)]
    folder = build_study(
        tmp_path_factory.mktemp("many") / "study",
        arms=arms,
        pretrained=[],
        seeds=1,
        label_fractions=(1.0, 0.1),
        results={
            "min_effect": 0.02,
            "label_efficiency": {
                "labels": {"1": 900, "0.1": 90},
                "val_labels": 77,
                "equivalent_labels": [],
            },
        },
    )
    for run in (folder / "runs").iterdir():
        table = pd.DataFrame({f"p_{c}": [0.3, 0.1, 0.2, 0.15, 0.25] for c in CLASSES})
        table = table.assign(id=CLASSES, group=CLASSES, label=CLASSES, split="test")
        table.to_parquet(run / "predictions.parquet")
    report(folder)
    return folder


def test_every_figure_is_on_the_page_and_has_files(folder: Path) -> None:
    page = Page(folder / "report.html")
    for words in (
        "What was run, one line per arm",
        "In the shaded zone a difference is smaller than 0.020",
        "Every number comes with 77 validation labels.",
        "each arm beside arm 0",
        "receiver operating characteristic and precision-recall of one run",
    ):
        assert words in page.text
    files = {path.name for path in (folder / "figures").iterdir()}
    for name in ("framework", "differences", "differences-2", "label_efficiency",
                 "operating_curves", "operating_curves-8"):  # fmt: skip
        assert {f"{name}.svg", f"{name}.pdf"} <= files


def test_what_many_arms_would_fill_the_page_with_is_folded(folder: Path) -> None:
    html = (folder / "report.html").read_text(encoding="utf-8")
    folded = "".join(part.partition("</details>")[0] for part in html.split("<details>")[1:])
    assert "ROC and precision-recall of the other 6 arms" in folded
    assert folded.count("receiver operating characteristic and") == 6
    assert folded.count("The differences with 10 % of the labels, drawn in the same way.") == 1
    assert len(html) < 2_000_000


def test_what_follows_from_the_results_is_on_the_page(study: Path) -> None:
    text = Page(report(study)).text
    for label_fraction in (1.0, 0.1):
        assert EQUIVALENT.format(arm="random + Barlow Twins", label_fraction=label_fraction) in text
    for sentence in ADVICE:
        assert sentence in text
    assert "Seeds needed: to find a difference of 0.020" in text
    assert "Ratio of standard deviations over seeds: below 1" in text
    assert "Effect size" not in text  # of two seeds there is none


def test_equivalent_labels_of_the_largest_label_fraction_comes_first(study: Path) -> None:
    sentences = equivalent_labels(read_study(study))
    assert ["with 1.0 of" in text for text in sentences] == [True, False]


def test_a_study_without_these_says_nothing_of_them(tmp_path: Path, build_study: Build) -> None:
    folder = build_study(tmp_path / "study", pretrained=[], seeds=2)
    text = Page(report(folder)).text
    for heading in ("Label savings", "What next?", "Which model to use?", "Holm"):
        assert heading not in text


def test_an_arm_of_another_tools_predictions_stands_beside_the_others(study: Path) -> None:
    for run in (study / "runs").glob("train-1-*"):
        seed = read_json(run / "run.json")["seed"]
        predictions_run(file="others/theirs.csv", seed=seed).write(run / "run.json")
        for name in ("history.parquet", "lr_finder.json"):
            (run / name).unlink()
    page = Page(report(study))
    assert page.text.count("another tool's predictions") == 4
    assert "random + Barlow Twins: precision, recall, F1" in page.text
    assert not any("Learning-rate search, random + Barlow" in label for label in page.labels)


def test_numbers_shown_are_those_of_the_results(tmp_path: Path, build_study: Build) -> None:
    study = build_study(tmp_path / "study", pretrained=[])
    page = Page(report(study))
    results = read_results(study)
    for row in results.summaries:
        if METRICS[row.metric].main:
            assert f"{row.mean:.3f} ± {row.sd:.3f}" in page.text
            assert f"[{row.low:.3f}, {row.high:.3f}]" in page.text
    for found in results.differences:
        if METRICS[found.metric].main:
            low, high = (f"{end:+.3f}".replace("-", "−") for end in found.interval or ())
            assert f"{found.mean:+.3f}".replace("-", "−") in page.text
            assert f"[{low}, {high}]" in page.text
            is_test = found.metric == results.primary_metric
            assert (wording.p_value(found.p) in page.text) is is_test


def test_differences_of_one_seed_have_no_interval(tmp_path: Path, build_study: Build) -> None:
    folder = build_study(tmp_path / "study", pretrained=[], seeds=1)
    found = read_results(folder).difference("random + Barlow Twins", 1.0, "accuracy")
    assert found
    text = Page(report(folder)).text
    difference = wording.decimal(found.mean, signed=True)
    assert f"{difference}one seed: no interval" in text


def test_absent_class_has_no_score(tmp_path: Path, build_study: Build) -> None:
    folder = build_study(tmp_path / "study", pretrained=[], seeds=2, absent="BCC")
    page = Page(report(folder))
    assert "BCC · basal cell carcinoma · no test image" in page.text
    assert page.html.count(">–</text>") == 2 * 5


@pytest.mark.slow
def test_twenty_arms_stay_readable_and_light(tmp_path: Path, build_study: Build) -> None:
    arms = [f"arm {number}" for number in range(20)]
    folder = build_study(tmp_path / "study", arms=arms, pretrained=arms[1:3], seeds=2,
                         label_fractions=(1.0, 0.1))  # fmt: skip
    judge(folder)
    page = Page(report(folder))
    assert len(page.html) < 2_000_000
    assert "10 %" in page.text
    assert "Show all" in page.text
    shown = content(read_study(folder))
    for name in ("arms", "differences", "f1_by_class"):
        assert set(arms[1:]) <= {record["arm"] for record in shown[name].records}
    assert [len(panels) for _, panels in shown["difference_figures"]] == [3, 3]
    assert len(shown["label_panels"]) == 19


@pytest.mark.parametrize(
    ("covers", "words"),
    [
        ("seeds and test images", "its 95 % interval over seeds and test images, and"),
        ("seeds", "its 95 % interval over seeds, for this test set, and"),
    ],
)
def test_it_is_said_what_an_interval_holds_for(
    tmp_path: Path, build_study: Build, covers: str, words: str
) -> None:
    folder = build_study(tmp_path / "study", pretrained=[])
    change_rows(folder, "differences", lambda r: r | {"covers": covers})
    text = Page(report(folder)).text
    assert words in text
    assert ("the pale bar that over seeds alone" in text) == (covers != "seeds")
    assert "95 % t intervals over " + covers in text
