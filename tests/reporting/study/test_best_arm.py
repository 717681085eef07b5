import re
from dataclasses import replace

import pytest
from html_page import Page
from judged import judge

from evaluated import store_evaluation
from twinlens.records.evaluation import EVALUATION
from twinlens.reporting.evaluation.page import SECTIONS
from twinlens.reporting.report import report


@pytest.fixture
def details(tmp_path, build_study):
    """A function that writes a study whose best arm was evaluated; it returns the report."""
    folder = build_study(tmp_path / "study", pretrained=[], seeds=2)
    record = store_evaluation(folder / "evaluation")

    def written(members):
        request = replace(record.request, arm="random", label_fraction=1.0)
        update = {"request": request, "members": [f"runs/{i}/model" for i in range(members)]}
        record.model_copy(update=update).write(folder / "evaluation" / EVALUATION)
        judge(folder)
        return Page(report(folder))

    return written


def test_the_best_arm_is_shown_as_an_evaluation_shows_it(details, tmp_path):
    page = details(2)
    assert {f"best-{anchor}" for anchor in SECTIONS} - set(page.ids) == {"best-examples"}
    assert len(page.ids) == len(set(page.ids))
    assert "random has the best mean on the validation images (balanced accuracy)" in page.text
    assert "The probabilities of its 2 seeds are averaged" in page.text
    assert "is a single run of another arm." in page.text
    assert "Positive is malignant (MEL and BCC)" in page.text
    for kind in ("Figure", "Table"):
        numbers = [int(n) for n in re.findall(rf"<b>{kind} (\d+)\.</b>", page.html)]
        assert numbers == list(range(1, len(numbers) + 1))
    for name in ("figures/binary_curves.svg", "figures/reliability.pdf", "tables/calibration.csv"):
        assert (tmp_path / "study" / name).is_file()


def test_one_seed_is_not_averaged(details):
    text = details(1).text
    assert "Its one seed is evaluated on the test images." in text
    assert "is a single run" not in text


def test_without_an_evaluation_the_page_says_why(tmp_path, build_study):
    folder = build_study(tmp_path / "study", pretrained=[], seeds=1)
    assert "The best arm was not evaluated in detail" in Page(report(folder)).text
