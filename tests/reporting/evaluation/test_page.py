import re
import shutil
from dataclasses import replace

import pandas as pd
import pytest
from html_page import Page

from evaluated import CLASSES, DEGENERATE, INFO, predicted
from twinlens.evaluation.data_set_evaluation import choose, measure
from twinlens.evaluation.probabilities.binary import positive_side
from twinlens.evaluation.trust.reliability import Knowledge, reliability
from twinlens.reporting.evaluation.page import SECTIONS, build_page, evaluation_report
from twinlens.reporting.report import report


def test_the_page_is_one_file_that_loads_nothing(evaluation, tmp_path):
    folder = shutil.copytree(evaluation.folder, tmp_path / "out")
    page = Page(report(folder))
    assert all(a.startswith(("#", "data:image/jpeg;base64,")) for a in page.addresses)
    assert page.runs_only_its_own_script()
    assert len(page.ids) == len(set(page.ids))
    assert {"top", *SECTIONS} <= set(page.ids)
    for kind in ("Figure", "Table"):
        numbers = [int(n) for n in re.findall(rf"<b>{kind} (\d+)\.</b>", page.html)]
        assert numbers == list(range(1, len(numbers) + 1))
    assert (folder / "tables" / "metrics.csv").is_file()
    again = evaluation_report(folder)
    assert again.read_text(encoding="utf-8") == page.html


@pytest.mark.parametrize("case", ["2 images", "one class", "one group", "all equal"])
def test_whatever_the_images_there_is_a_page(evaluation, case):
    table, val = DEGENERATE[case], predicted(60, seed=1, part="val")
    chooser = choose(val, CLASSES)
    found = measure(table, CLASSES, positive_side(None, CLASSES, INFO), chooser)
    known = Knowledge(CLASSES, val, chooser.temperature)
    halves = pd.Series(["f", "m"] * (len(table) // 2))
    update = {
        "by_image": found.by_image,
        "by_group": found.by_group,
        "binary": found.binary,
        "calibration": found.calibration,
        "reliability": reliability(table, {"sex": halves}, known),
    }
    data = evaluation.record.data[0].model_copy(update=update)
    record = evaluation.record.model_copy(update={"data": [data], "drops": []})
    stored = replace(evaluation, record=record, predictions=table.assign(dataset=data.name))
    html, _ = build_page(stored)
    assert not re.search(r"\bnan\b|\bNone\b|\binf\b", html)
