import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
from audited import study_audit
from html_page import Page
from judged import change_results, judge, read_results
from planned import share_pretraining

from stored_runs import configure
from twinlens.files import read_json
from twinlens.reporting import formatting as wording
from twinlens.reporting import report
from twinlens.reporting.study.load_study import read_study
from twinlens.reporting.study.page import content

Build = Callable[..., Path]


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory, build_study: Build) -> Path:
    return build_study(tmp_path_factory.mktemp("plain") / "study", fallback=True)


@pytest.fixture(scope="module")
def page(study: Path) -> Page:
    return Page(report(study))


def test_report_is_one_file_that_loads_nothing(study: Path, page: Page) -> None:
    assert page.addresses
    assert all(a.startswith(("#", "data:image/png;base64,")) for a in page.addresses)
    assert not re.search(r"@import|url\((?!#)", page.html)
    assert "script" not in page.tags
    assert "default-src 'none'" in page.html
    assert len(page.html) < 2_000_000
    assert [path.name for path in study.glob("*.html")] == ["report.html"]
    assert not list(study.glob(".*.tmp"))


def test_references_within_the_page_have_one_target_each(page: Page) -> None:
    assert len(page.ids) == len(set(page.ids))
    assert {a[1:] for a in page.addresses if a.startswith("#")} <= set(page.ids)
    assert set(re.findall(r"url\(#([^)]*)\)", page.html)) <= set(page.ids)


@pytest.mark.parametrize("kind", ["Figure", "Table"])
def test_figures_and_tables_are_numbered_in_order(page: Page, kind: str) -> None:
    numbers = [int(n) for n in re.findall(rf"<b>{kind} (\d+)\.</b>", page.html)]
    assert len(numbers) >= 6
    assert numbers == list(range(1, len(numbers) + 1))


def test_verdict_leads(study: Path, page: Page) -> None:
    verdict = " ".join(read_results(study).verdict)
    assert page.text.index(verdict) < page.text.index("Table 1.")


def test_numbers_shown_are_those_of_the_results(study: Path, page: Page) -> None:
    results = read_results(study)
    for row in results.summaries:
        if row.metric != "weighted_f1":
            assert f"{row.mean:.3f} ± {row.sd:.3f}" in page.text
            assert f"[{row.low:.3f}, {row.high:.3f}]" in page.text
    for found in results.differences:
        if found.metric != "weighted_f1":
            low, high = (f"{end:+.3f}".replace("-", "−") for end in found.interval or ())
            assert f"{found.mean:+.3f}".replace("-", "−") in page.text
            assert f"[{low}, {high}]" in page.text
            is_test = found.metric == results.primary_metric
            assert (wording.p_value(found.p) in page.text) is is_test


def test_every_drawing_has_words_for_those_who_hear_it(page: Page) -> None:
    drawings = len(re.findall(r'<svg [^>]*role="img"', page.html))
    assert drawings >= 10
    assert page.html.count('role="img" aria-label="') == drawings
    assert any("difference from random" in label for label in page.labels)


def test_colours_are_left_to_the_page(page: Page) -> None:
    drawings = re.findall(r'<svg [^>]*role="img".*?</svg>', page.html, flags=re.DOTALL)
    training = [d for d in drawings if "Learning-rate search" in d[:300]]
    assert training
    assert not any(
        re.search(r"#[0-9a-f]{6}\b", d.replace("#m", "").replace("#p", "")) for d in training
    )
    assert "prefers-color-scheme: dark" in page.html


def test_fallback_of_the_lr_finder_is_said(page: Page) -> None:
    assert "Seed 1: the loss falls over 4 steps only, so the rate is 1e-3." in page.text


def test_page_is_repeatable(study: Path, page: Page) -> None:
    assert report(study).read_text(encoding="utf-8") == page.html


def test_command_and_hashes_to_run_it_again(study: Path, page: Page) -> None:
    assert f"twinlens compare {study / 'study.yaml'} --out {study}-again" in page.text
    assert "ab" * 32 in page.text
    assert "cd" * 32 in page.text


def test_markup_in_names_is_text(tmp_path: Path, build_study: Build) -> None:
    evil = '<script>alert("x")</script>'
    classes = {evil: (evil, f"red;{evil}", evil), "b & $x_1$": ("", "", "benign")}
    folder = build_study(
        tmp_path / "study",
        arms=["random", evil],
        pretrained=[evil],
        seeds=2,
        classes=classes,
        data={"notice": evil},
        results={"verdict": [evil, evil], "failures": [{"run": evil, "reason": evil}]},
    )
    page = Page(report(folder))
    assert "script" not in page.tags
    assert "<script" not in page.html
    assert evil in page.text
    assert any(evil in label for label in page.labels)
    assert "b & $x_1$" in page.text


def test_one_arm_with_one_seed(tmp_path: Path, build_study: Build) -> None:
    folder = build_study(tmp_path / "study", arms=["random"], pretrained=[], seeds=1)
    text = Page(report(folder)).text
    assert "one seed: no interval" in text
    assert "±" not in text.replace("mean ± standard deviation", "")
    assert "There is one arm, so there are no differences to show." in text
    assert "No arm was pretrained in this study" in text


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


def test_failed_and_unfinished_runs_are_listed_once(tmp_path: Path, build_study: Build) -> None:
    failure = {"run": "train-1-1-2", "reason": "Out of memory: choose a batch of 32."}
    folder = build_study(tmp_path / "study", pretrained=[], results={"failures": [failure]})
    shutil.rmtree(folder / "runs" / "train-1-1-2")
    shutil.rmtree(folder / "runs" / "train-1-1-1")
    (folder / "runs" / "train-0-1-1" / "run.json").write_text("{")
    (folder / "runs" / "train-0-1-2" / "history.parquet").write_text("no parquet")
    text = Page(report(folder)).text
    assert "4 runs have not finished" in text
    assert text.count("Out of memory: choose a batch of 32.") == 1
    assert text.count("It did not finish.") == 1
    assert "run.json is not valid JSON" in text


def test_arms_that_share_a_pretraining_share_its_panels(tmp_path: Path, build_study: Build) -> None:
    folder = build_study(tmp_path / "study", arms=["none", "a", "b"], pretrained=["a"], seeds=1)
    share_pretraining(folder, "b", "pretrain-1")
    page = Page(report(folder))
    assert "Pairs of views as pretraining saw them (a and b)" in page.text
    assert any(label.startswith("Loss against the step, a and b: loss") for label in page.labels)
    assert not any("seconds" in label for label in page.labels)


def test_each_method_shows_its_own_terms(tmp_path: Path, build_study: Build) -> None:
    folder = build_study(
        tmp_path / "study", arms=["none", "a", "b"], pretrained=["a", "b"], seeds=1
    )
    run = folder / "runs" / "pretrain-2-0"
    history = pd.read_parquet(run / "history.parquet")
    names = {"redundancy": "variance", "floor": "covariance"}
    history.rename(columns=names).to_parquet(run / "history.parquet")
    configure(run, method="vicreg")
    page = Page(report(folder))
    shown = " ".join(page.labels)
    assert "Loss against the step, a: loss, invariance, redundancy and floor." in shown
    assert "Loss against the step, b: loss, invariance, variance and covariance." in shown
    for name in ("Barlow Twins", "VICReg"):
        assert f"Method: {name}." in page.text
        assert f"pretraining by {name}" in page.text


def test_missing_parts_are_said_in_words(tmp_path: Path, build_study: Build) -> None:
    folder = build_study(tmp_path / "study", seeds=2)
    for run in (folder / "runs").iterdir():
        for name in ("history.parquet", "lr_finder.json", "metrics.json", "views.png"):
            (run / name).unlink(missing_ok=True)
    (folder / "environment.json").unlink()
    (folder / "study.yaml").unlink()
    text = Page(report(folder)).text
    for sentence in (
        "No finished run has stored scores by class.",
        "No finished run has stored a confusion matrix.",
        "No pretraining run has stored its pairs of views.",
        "No pretraining run has stored its loss.",
        "No fine-tuning run has searched for its learning rate.",
        "No fine-tuning run has stored its loss.",
        "No run has stored its schedule.",
        "The environment was not stored.",
    ):
        assert sentence in text


def test_results_without_any_run(tmp_path: Path, build_study: Build) -> None:
    built = build_study(tmp_path / "built", pretrained=[], seeds=2)
    change_results(built, test_access=[])
    folder = tmp_path / "study"
    folder.mkdir()
    shutil.copy(built / "results.json", folder)
    text = Page(report(folder)).text
    assert "No run is stored beside these results." in text
    assert "No access to the test set is on record." in text
    assert "No finished run has stored the counts of its data." in text


def test_arm_without_any_finished_run(tmp_path: Path, build_study: Build) -> None:
    folder = build_study(tmp_path / "study", pretrained=[], seeds=2)
    change_results(folder, arms=["random", "random + Barlow Twins", "broken"])
    assert "no finished run" in Page(report(folder)).text


def test_diverged_training_is_drawn_as_far_as_it_went(tmp_path: Path, build_study: Build) -> None:
    folder = build_study(tmp_path / "study", pretrained=[], seeds=2)
    path = folder / "runs" / "train-1-1-0" / "lr_finder.json"
    found = read_json(path)
    found |= {name: found[name][:50] for name in ("lrs", "losses", "smoothed")}
    path.write_text(json.dumps(found))
    assert "Learning-rate search of the fine-tuning" in Page(report(folder)).text


def test_notices_are_shown_plainly(tmp_path: Path, build_study: Build) -> None:
    folder = build_study(
        tmp_path / "study",
        seeds=1,
        data={"notice": "Synthetic: drawn by a program."},
        pretraining={"images": "all"},
    )
    text = Page(report(folder)).text
    assert text.count("Synthetic: drawn by a program.") == 1
    notice = "Transductive: the pretraining of random + Barlow Twins has seen the validation and"
    assert text.index(notice) < text.index("Table 1.")


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
    assert len({swatch for swatch, _ in shown["arm_legend"]}) == 20
    for name in ("arms", "differences", "f1_by_class"):
        assert set(arms[1:]) <= {record["arm"] for record in shown[name].records}
    assert [len(panels) for _, panels in shown["difference_figures"]] == [3, 3]
    assert len(shown["label_panels"]) == 19


def test_too_large_a_picture_is_named_instead(tmp_path: Path, build_study: Build) -> None:
    folder = build_study(tmp_path / "study", seeds=1)
    (folder / "runs" / "pretrain-1-0" / "views.png").write_bytes(bytes(1_000_001))
    page = Page(report(folder))
    assert "it is stored as runs/pretrain-1-0/views.png" in page.text
    assert "img" not in page.tags


def test_the_audit_of_the_data_has_a_section_and_its_leaks_a_notice(
    tmp_path: Path, build_study: Build
) -> None:
    folder = build_study(tmp_path / "study", pretrained=[], seeds=1)
    assert "No audit of the data is stored" in Page(report(folder)).text
    leak, calm = "Split 'robust' LEAKS: <b>12</b> groups.", "2 exact duplicates."
    update = {"warnings": (leak,), "summary": (leak, calm)}
    study_audit().model_copy(update=update).write(folder / "audit.json")
    page = Page(report(folder))
    assert page.text.count(leak) == 2
    assert page.text.index(leak) < page.text.index("Table 1.")
    assert page.text.index("Audit of the data") < page.text.index(calm)
    assert "test 20.0 % 1.0 % 21.0 %" in page.text
